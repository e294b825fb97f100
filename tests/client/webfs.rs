//! examples/webfs.sh does what it says, in whatever shells there are.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::process::{Family, MARKER};
use crate::support::server::Server;
use crate::url;

#[test]
fn the_example_for_webfs_converses() {
    let server = Server::cat(&["--record", "typed"]);
    let (status, output, said) = run("sh", &url(&server));
    let expected = "websocket ready\n\
        TYPE t\nLENGTH 18\nBODY First message sent\n\
        TYPE t\nLENGTH 9\nBODY Echo test\n";
    assert_eq!((status, &*output, &*said), (Some(0), expected, ""));
}

#[test]
fn the_example_for_webfs_takes_any_body_in_any_shell() {
    let script = "printf 'b 00000000000000000004a\\n\\n\\nt 00000000000000000000'; cat";
    let server = Server::sh(&["--record", "typed"], script);
    for shell in ["sh", "dash", "bash", "busybox"] {
        if !has(shell) {
            continue;
        }
        let (status, output, said) = run(shell, &url(&server));
        let begin = "websocket ready\n\
            TYPE b\nLENGTH 4\nBODY a\n\n\n\nTYPE t\nLENGTH 0\nBODY \n";
        assert!(output.starts_with(begin), "{shell}: {output}");
        assert!(output.ends_with("BODY Echo test\n"), "{shell}: {output}");
        assert_eq!((status, &*said), (Some(0), ""), "{shell}");
    }
}

#[test]
fn the_example_for_webfs_tells_that_there_is_no_server() {
    let (status, output, said) = run("sh", "ws://127.0.0.1:1/");
    assert_eq!((status, &*output), (Some(111), ""));
    assert!(said.contains("Connection refused"), "{said}");
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).exists())
}

fn run(shell: &str, url: &str) -> (Option<i32>, String, String) {
    let family = Family::new();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/webfs.sh");
    let bin = Path::new(env!("CARGO_BIN_EXE_websock")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(shell);
    if shell == "busybox" {
        command.arg("sh");
    }
    let output = command
        .arg(script)
        .arg(url)
        .current_dir(family.dir())
        .env(MARKER, family.id())
        .env("TMPDIR", family.dir())
        .env("PATH", path)
        .env_remove("http_proxy")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    family.wait_gone();
    let left = std::fs::read_dir(family.dir()).unwrap().count();
    assert_eq!(left, 0, "it has left something behind");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}
