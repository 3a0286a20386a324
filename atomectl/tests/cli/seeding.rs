//! `seed`, `verify` and `export` against a daemon that counts.

use std::io::Write as _;

use crate::fake::{Answer, Asked, serve};
use crate::{Home, shown, text};

/// Creates every record; finds one difference in each chunk that names `different`.
fn daemon(asked: &Asked) -> Answer {
    let count = asked.body.lines().count();
    let line = asked.line.split('?').next().unwrap();
    if asked.body.contains("\"too much\"") {
        let problem =
            r#"{"code":"bad_data","status":422,"detail":"line 1: the commit is too long"}"#;
        return Answer::Whole(422, problem.into());
    }
    Answer::Whole(
        200,
        match line {
            "POST /v1/seed" => format!(
                r#"{{"created":{count},"altered":0,"unchanged":0,"commits":1}}"#
            ),
            "POST /v1/verify" => {
                let difference = r#"{"record":"k/1","difference":"different","field":"a","expected":1,"found":2}"#;
                let differs = asked.body.contains("different");
                format!(
                    r#"{{"equal":{},"atomes":["0198c0de-0000-7000-8000-000000000001"],"differences":[{}]}}"#,
                    count - usize::from(differs),
                    if differs { difference } else { "" }
                )
            }
            "GET /v1/atomes" => ["1", "2"]
                .map(|last| {
                    format!(
                        r#"{{"id":"0198c0de-0000-7000-8000-00000000000{last}","type":"t","owner":"0198c0de-0000-7000-8000-00000000000a",
                        "creator":"0198c0de-0000-7000-8000-00000000000a","created_at":"x","updated_at":"x","properties":{{}}}}"#
                    )
                    .replace('\n', "")
                        + "\n"
                })
                .concat(),
            _ => panic!("{line}"),
        },
    )
}

fn records(range: std::ops::Range<u32>) -> String {
    range
        .map(|i| format!("{{\"key\":\"k/{i}\",\"type\":\"t\"}}\n"))
        .collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

#[test]
fn files_of_every_kind_are_seeded() {
    let home = Home::new();
    let log = serve(home.folder.path(), daemon);
    let plain = home.write("plain.jsonl", records(0..2500));
    let gz = home.write("packed.gz", gzip(&records(2500..3000)));
    let zst = zstd::encode_all(records(3000..3500).as_bytes(), 1).unwrap();
    let zst = home.write("packed.zst", zst);
    let args = ["seed", shown(&plain), shown(&gz), shown(&zst), "-"];
    let output = home.run_with(&args, &records(3500..3600));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["created"], 3600);
    assert_eq!(summary["commits"], 4);
    assert!(summary["seconds"].is_number());
    let mut sent: Vec<String> = log
        .all()
        .iter()
        .flat_map(|asked| asked.body.lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut expected: Vec<String> = records(0..3600).lines().map(str::to_owned).collect();
    sent.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sent, expected);
}

#[test]
fn with_a_bad_line_nothing_is_written() {
    let home = Home::new();
    let log = serve(home.folder.path(), daemon);
    let good = home.write("good.jsonl", records(0..10));
    let bad = "nonsense\n".repeat(25) + "{\"type\":\"t\"}\n";
    let bad = home.write("bad.jsonl", bad);
    let args = ["seed", shown(&good), shown(&bad)];
    let output = home.run(&args);
    assert_eq!(output.status.code(), Some(10));
    assert_eq!(output.stdout, b"");
    let told = text(&output.stderr);
    assert!(told.contains("bad.jsonl:1: "), "{told}");
    assert!(told.contains("bad.jsonl:20: ") && !told.contains("bad.jsonl:21: "));
    assert!(
        told.contains("25 lines are bad; nothing was written"),
        "{told}"
    );
    assert!(log.lines().is_empty());

    let output = home.run(&["-o", "json", "seed", shown(&bad)]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "bad_data");
    assert!(
        error["error"]["message"]
            .as_str()
            .unwrap()
            .contains("bad.jsonl:20: ")
    );

    let output = home.run(&["seed", "--keep-going", shown(&good), shown(&bad)]);
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stdout).starts_with("{\"created\":11,"));
    assert!(text(&output.stderr).contains("the good ones were written"));
}

#[test]
fn a_dry_run_says_so() {
    let home = Home::new();
    let log = serve(home.folder.path(), daemon);
    let output = home.run_with(&["seed", "-", "--dry-run"], &records(0..1));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(log.lines(), ["POST /v1/seed?dry_run=true"]);
    assert!(text(&output.stderr).contains("nothing was written"));
}

#[test]
fn what_the_daemon_objects_to_has_a_place() {
    let home = Home::new();
    serve(home.folder.path(), daemon);
    let file = records(0..1000) + "{\"type\":\"too much\"}\n{\"type\":\"t\"}\n";
    let file = home.write("f.jsonl", file);
    let output = home.run(&["seed", shown(&file)]);
    assert_eq!(output.status.code(), Some(10));
    let told = text(&output.stderr);
    assert!(told.contains("f.jsonl:1001 to "), "{told}");
    assert!(
        told.contains("f.jsonl:1002: line 1: the commit is too long"),
        "{told}"
    );
    assert!(
        told.contains("1000 records were written before the error"),
        "{told}"
    );
}

#[test]
fn differences_are_data() {
    let home = Home::new();
    serve(home.folder.path(), daemon);
    let output = home.run_with(&["verify", "-"], &records(0..1500));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout, b"");
    assert_eq!(text(&output.stderr), "1500 records equal, 0 differences\n");

    let different = records(0..10) + "{\"key\":\"k\",\"type\":\"different\"}\n";
    let output = home.run_with(&["verify", "-"], &different);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "{\"record\":\"k/1\",\"difference\":\"different\",\"field\":\"a\",\"expected\":1,\"found\":2}\n"
    );
    assert_eq!(text(&output.stderr), "10 records equal, 1 difference\n");

    let output = home.run_with(&["-q", "verify", "-", "--strict"], &records(0..1));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stdout),
        "{\"record\":\"0198c0de-0000-7000-8000-000000000002\",\"difference\":\"unexpected\"}\n"
    );
    assert_eq!(output.stderr, b"");

    let output = home.run_with(&["verify", "-"], "{\"type\":\"t\"}\n");
    assert_eq!(output.status.code(), Some(10));
    assert!(text(&output.stderr).contains("standard input:1: the record has neither key nor id"));
}

#[test]
fn an_export_is_the_daemons_lines() {
    let home = Home::new();
    let log = serve(home.folder.path(), |_| {
        Answer::Whole(
            200,
            "{\"key\":\"a\",\"type\":\"t\",\"properties\":{}}\n{\"type\":\"u\"}\n".into(),
        )
    });
    let output = home.run(&["-o", "json", "export", "--type", "t", "--where", "a=1"]);
    assert_eq!(
        text(&output.stdout),
        "{\"key\":\"a\",\"type\":\"t\",\"properties\":{}}\n{\"type\":\"u\"}\n"
    );
    assert_eq!(
        log.lines(),
        ["GET /v1/atomes?type=t&format=seed&where=a%3D1"]
    );
}
