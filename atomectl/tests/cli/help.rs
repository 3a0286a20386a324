//! `--help` of every command, in one golden file.

use crate::golden;

#[test]
fn help_is_as_it_was() {
    let mut command = atomectl::command().term_width(100);
    command.build();
    let mut text = String::new();
    collect(&command, "atomectl", &mut text);
    golden::compare("help.txt", &text);
}

fn collect(command: &clap::Command, path: &str, text: &mut String) {
    let help = command.clone().render_long_help().to_string();
    text.push_str(&format!("===== {path} --help\n\n{}\n\n", help.trim_end()));
    for each in command.get_subcommands() {
        if each.get_name() != "help" {
            collect(each, &format!("{path} {}", each.get_name()), text);
        }
    }
}

#[test]
fn help_goes_to_standard_output_and_is_no_error() {
    let home = crate::Home::new();
    for args in [&["--help"][..], &["seed", "--help"], &["--version"]] {
        let output = home.command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
}
