//! Certificates for tests of TLS.

use std::{path::Path, process::Command};

/// Creates a key and a certificate for `name`, signed by `ca` or itself; `None` if openssl is not installed.
pub(crate) fn certificate(folder: &Path, name: &str, ca: Option<&str>) -> Option<()> {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let run =
        |arguments: Vec<String>| Command::new("openssl").args(arguments).output().ok()?.status.success().then_some(());
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (key, certificate) = (path(&format!("{name}.key")), path(&format!("{name}.pem")));
    let mut arguments = words("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj");
    arguments.extend([format!("/CN={name}"), "-keyout".into(), key, "-out".into(), certificate]);
    match ca {
        None => arguments.extend(words("-addext basicConstraints=critical,CA:TRUE")),
        Some(ca) => {
            arguments.extend(words("-addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE"));
            arguments.extend(["-CA".into(), path(&format!("{ca}.pem")), "-CAkey".into(), path(&format!("{ca}.key"))]);
        }
    }
    run(arguments)
}
