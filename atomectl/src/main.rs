//! atomectl
fn main() {}
