//! atome-engine
