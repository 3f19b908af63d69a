
use octrls_readers::{self as scan, ReadOptions};
use octrls_core::scan::{Layout, layout};
use std::path::Path;
fn main() {
    for f in std::env::args().skip(1) {
        let p = Path::new(&f);
        let Ok(mut r) = scan::open(p, ReadOptions::default()) else { println!("ERR {f}"); continue };
        let Ok(b) = r.bscan(0) else { println!("ERR {f}"); continue };
        let t = std::time::Instant::now();
        let l = layout(&b);
        if l != Layout::Whole { println!("{f} {}x{} {l:?} {:?}", b.width, b.height, t.elapsed()); }
    }
}
