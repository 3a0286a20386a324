//! atome-server
fn main() {}
