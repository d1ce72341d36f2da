//! `wk-hook`: what agents and shells call. It prints nothing and ends with 0, come what may.

mod call;

fn main() {
    call::run();
}
