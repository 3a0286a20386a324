//! atome-client
