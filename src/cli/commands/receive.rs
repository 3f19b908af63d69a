//! `octrls receive`: a DICOM node that writes received scans into a folder.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, thread, time::Duration};

use clap::Args;
use crossbeam_channel::unbounded;
use jiff::Timestamp;

use octrls_core::shown::shown;
use octrls_dicom_net::{AeTitle, Listener, ListenerOptions, NodeEvent};

use crate::cli::{
    arguments::{
        number::{BYTES_IN_MIB, address, seconds},
        tls::TlsArguments,
    },
    error::coded,
    files::create_folder,
    output::{Progress, run_screen},
    signals::on_signals,
};

#[derive(Args)]
pub(crate) struct ReceiveArguments {
    /// Folder to write to, usually a watched folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Address to listen on; an address that other machines can reach needs --allow-ae
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:11112", value_parser = address)]
    listen: SocketAddr,
    /// AE title of this node; peers must call it by this title
    #[arg(long, value_name = "TITLE", default_value = "OCTRLS")]
    ae_title: AeTitle,
    /// AE title that may connect; repeatable [default: any, but only from this machine]
    #[arg(long, value_name = "TITLE")]
    allow_ae: Vec<AeTitle>,
    /// Maximum number of simultaneous associations
    #[arg(long, value_name = "N", default_value = "8", value_parser = clap::value_parser!(u16).range(1..=256))]
    max_associations: u16,
    /// Maximum size of an instance in MiB
    #[arg(long, value_name = "MIB", default_value = "2048", value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_instance_mib: u32,
    /// Drop a peer that sends nothing for this many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: f64,
    /// Accept connections with TLS only; needs --tls-certificate
    #[arg(long, requires = "tls_certificate")]
    tls: bool,
    #[command(flatten)]
    certificates: TlsArguments,
    /// Also print the name of each file, which is the instance UID
    #[arg(long)]
    verbose: bool,
}

impl ReceiveArguments {
    fn options(&self) -> anyhow::Result<ListenerOptions> {
        Ok(ListenerOptions {
            address: self.listen,
            title: self.ae_title.clone(),
            allowed: self.allow_ae.clone(),
            max_associations: self.max_associations.into(),
            max_instance_bytes: u64::from(self.max_instance_mib) * BYTES_IN_MIB,
            timeout: Duration::from_secs_f64(self.timeout),
            tls: self.tls.then(|| self.certificates.server()).transpose()?,
        })
    }
}

pub(super) fn run(arguments: &ReceiveArguments) -> anyhow::Result<ExitCode> {
    create_folder(&arguments.folder)?;
    let verbose = arguments.verbose;
    // Associations must not wait for a reader of the lines.
    let (sender, lines) = unbounded();
    let listener = Listener::start(&arguments.folder, arguments.options()?, move |event| {
        let _ = sender.send(event_line(&event, verbose));
    })
    .map_err(|e| coded(e.code(), e))?;
    let (drain, abort) = (listener.stopper(), listener.stopper());
    on_signals(true, move || drain.drain(), move || abort.abort())?;
    let receiving = thread::Builder::new().name("octrls-receive".to_owned()).spawn(move || listener.join())?;
    let print = move |mut out: Progress| {
        let mut is_open = true;
        for line in lines {
            // A closed standard output must not stop receiving.
            is_open = is_open && writeln!(out, "{line}").is_ok();
        }
        Ok(())
    };
    run_screen(print, || receiving.is_finished())?;
    let _ = receiving.join();
    Ok(ExitCode::SUCCESS)
}

/// One line: the time in UTC, a word, and `key=value` pairs.
fn event_line(event: &NodeEvent, verbose: bool) -> String {
    let code = event.code().map(|code| format!(" code={code}")).unwrap_or_default();
    let file = event.file().filter(|_| verbose).map(|name| format!(" file={name}")).unwrap_or_default();
    let at = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    shown(&format!("{at} {event}{code}{file}")).into_owned()
}
