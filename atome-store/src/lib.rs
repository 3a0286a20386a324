//! atome-store
