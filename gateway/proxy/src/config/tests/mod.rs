//! The configuration as its writers meet it: examples, faults word for word, golden pages.

mod effective;
mod examples;
mod faults;
mod golden;
mod hostile;

use std::path::Path as FilePath;

use super::*;

/// Checks a text as `gantry.yaml` of `folder`, with these environment variables.
fn parse_there(
    text: &str,
    folder: &FilePath,
    variables: &[(&str, &str)],
) -> Result<Checked, Faults> {
    let variable = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let surroundings = Surroundings {
        folder: folder.to_path_buf(),
        variable: &variable,
        host_name: "host-1".to_owned(),
        models: true,
    };
    parse_in(text, "gantry.yaml", &surroundings)
}

fn parse_here(text: &str) -> Result<Checked, Faults> {
    parse_there(text, FilePath::new("/nowhere"), &[("HOME", "/home/user")])
}

/// Where the examples and the generated pages are.
fn config_folder() -> PathBuf {
    FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// Puts the files into `folder` that the examples name.
fn write_files(folder: &FilePath) {
    write_certificates(folder);
    std::fs::create_dir_all(folder.join("apis")).unwrap();
    let api = "apis/parcels.json";
    std::fs::copy(config_folder().join(api), folder.join(api)).unwrap();
}

/// Writes a certificate for `localhost`, its key, and the authority that signed it, under the
/// names that the examples use.
fn write_certificates(folder: &FilePath) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let names = vec!["localhost".to_owned()];
    let gateway = rcgen::CertificateParams::new(names).unwrap();
    let gateway_pem = gateway.signed_by(&key, &issuer).unwrap().pem();
    std::fs::create_dir_all(folder.join("tls")).unwrap();
    std::fs::write(folder.join("tls/authority.pem"), authority_pem).unwrap();
    std::fs::write(folder.join("tls/gateway.pem"), gateway_pem).unwrap();
    std::fs::write(folder.join("tls/gateway.key"), key.serialize_pem()).unwrap();
}
