//! atomed
fn main() {}
