//! `key=value`, `key:=JSON` and `key=@file`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use atome_proto::commit::{BadKey, Key};
use atome_proto::limit::VALUE_LEN_MAX;
use atome_proto::value::{BadValue, Number, Value};
use atome_proto::{Code, Problem};

use crate::fault::Fault;

/// Why an argument gives no particle.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadPair {
    #[error("'{0}' is not of the form key=value")]
    Form(String),
    #[error("{0}")]
    Key(#[from] BadKey),
    #[error("'{0}': {1}")]
    Value(String, BadValue),
    #[error("'{0}' cannot be read: {1}")]
    File(String, io::Error),
    #[error("'{0}': the file is not UTF-8 text")]
    NotText(String),
    #[error("'{0}' is given twice")]
    Twice(Key),
    #[error("'{0}': a number was expected, such as 1, -3 or 0.5")]
    NotANumber(String),
}

impl From<BadPair> for Fault {
    fn from(error: BadPair) -> Self {
        let message = error.to_string();
        match error {
            BadPair::File(..) => Problem::new(Code::NotFound, message)
                .hint("a text that begins with '@' is written as JSON: key:='\"@text\"'")
                .into(),
            BadPair::Form(_) | BadPair::Twice(_) | BadPair::NotANumber(_) => Self::usage(message),
            BadPair::Key(_) | BadPair::Value(..) | BadPair::NotText(_) => Self::bad_data(message),
        }
    }
}

/// Reads one argument.
pub(crate) fn parse(text: &str) -> Result<(Key, Value), BadPair> {
    let (name, value, insists) = split(text)?;
    let key = Key::of_particle(name)?;
    let from_file;
    let value = match value.strip_prefix('@') {
        Some(path) => {
            from_file = read(path)?;
            &from_file
        }
        None => value,
    };
    let parsed = match Value::parse(value) {
        Err(BadValue::Json(_)) if !insists => text_value(value),
        parsed => parsed,
    };
    let value = parsed.map_err(|error| BadPair::Value(name.to_owned(), error))?;
    Ok((key, value))
}

/// Reads one argument whose value is a number.
pub(crate) fn parse_number(text: &str) -> Result<(Key, Number), BadPair> {
    let (name, value, _) = split(text)?;
    let key = Key::of_particle(name)?;
    let number = Number::parse(value).ok_or_else(|| BadPair::NotANumber(text.to_owned()))?;
    Ok((key, number))
}

/// Collects arguments, each key once.
pub(crate) fn collect<T>(
    texts: &[String],
    parse: fn(&str) -> Result<(Key, T), BadPair>,
) -> Result<std::collections::BTreeMap<Key, T>, BadPair> {
    let mut pairs = std::collections::BTreeMap::new();
    for text in texts {
        let (key, value) = parse(text)?;
        if pairs.contains_key(&key) {
            return Err(BadPair::Twice(key));
        }
        pairs.insert(key, value);
    }
    Ok(pairs)
}

/// Splits at the first `=`; a `:` before it insists on JSON.
fn split(text: &str) -> Result<(&str, &str, bool), BadPair> {
    let form = || BadPair::Form(text.to_owned());
    let (name, value) = text.split_once('=').ok_or_else(form)?;
    let (name, insists) = match name.strip_suffix(':') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if name.is_empty() {
        return Err(form());
    }
    Ok((name, value, insists))
}

/// A text as a value; the limit counts the quotes and escapes that it gets.
fn text_value(text: &str) -> Result<Value, BadValue> {
    let value = Value::from_text(text);
    let len = value.as_str().len();
    if len > VALUE_LEN_MAX {
        return Err(BadValue::TooLong(len));
    }
    Ok(value)
}

/// Reads a file no further than shows that it is too long.
fn read(path: &str) -> Result<String, BadPair> {
    let wrong = |error| BadPair::File(path.to_owned(), error);
    let file = File::open(Path::new(path)).map_err(wrong)?;
    let mut bytes = Vec::new();
    let most = u64::try_from(VALUE_LEN_MAX).unwrap_or(u64::MAX);
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(wrong)?;
    if bytes.len() > VALUE_LEN_MAX {
        let whole = std::fs::metadata(path).map_err(wrong)?.len();
        let len = usize::try_from(whole).unwrap_or(bytes.len());
        return Err(BadPair::Value(
            path.to_owned(),
            BadValue::TooLong(len.max(bytes.len())),
        ));
    }
    String::from_utf8(bytes).map_err(|_| BadPair::NotText(path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    fn value(text: &str) -> String {
        parse(text).unwrap().1.as_str().to_owned()
    }

    fn exit(text: &str) -> Exit {
        Fault::from(parse(text).unwrap_err()).exit()
    }

    #[test]
    fn a_value_is_json_if_it_parses_else_a_string() {
        assert_eq!(value("a=1"), "1");
        assert_eq!(value("a=true"), "true");
        assert_eq!(value("a=null"), "null");
        assert_eq!(value("a=[1, 2]"), "[1,2]");
        assert_eq!(value("a=\"1\""), "\"1\"");
        assert_eq!(value("a=two words"), "\"two words\"");
        assert_eq!(value("a="), "\"\"");
        assert_eq!(value("a=b=c"), "\"b=c\"");
        assert_eq!(value("a=1e999"), "\"1e999\"");
        let (key, value) = parse("layout.position=[0,0]").unwrap();
        assert_eq!((key.as_str(), value.as_str()), ("layout.position", "[0,0]"));
    }

    #[test]
    fn json_may_be_insisted_on() {
        assert_eq!(value("a:=1.0"), "1");
        assert_eq!(value("a:=\"@x\""), "\"@x\"");
        assert_eq!(exit("a:=two words"), Exit::BadData);
        assert_eq!(exit("a:="), Exit::BadData);
    }

    #[test]
    fn a_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(at("json"), "{ \"b\": 1 }\n").unwrap();
        assert_eq!(value(&format!("a=@{}", at("json"))), "{\"b\":1}");
        assert_eq!(value(&format!("a:=@{}", at("json"))), "{\"b\":1}");
        std::fs::write(at("text"), "two\nlines\n").unwrap();
        assert_eq!(value(&format!("a=@{}", at("text"))), r#""two\nlines\n""#);
        assert_eq!(exit(&format!("a:=@{}", at("text"))), Exit::BadData);
        assert_eq!(exit(&format!("a=@{}", at("none"))), Exit::NotFound);
        std::fs::write(at("bytes"), b"\xff").unwrap();
        assert_eq!(exit(&format!("a=@{}", at("bytes"))), Exit::BadData);
        std::fs::write(at("long"), "v".repeat(2 << 20)).unwrap();
        let error = parse(&format!("a=@{}", at("long"))).unwrap_err();
        assert!(error.to_string().contains("2097152"), "{error}");
        assert_eq!(Fault::from(error).exit(), Exit::BadData);
    }

    #[test]
    fn a_text_just_too_long_with_its_quotes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge");
        std::fs::write(&path, "v".repeat(VALUE_LEN_MAX)).unwrap();
        assert_eq!(exit(&format!("a=@{}", path.display())), Exit::BadData);
    }

    #[test]
    fn what_is_no_pair_is_told_from_what_is_a_bad_key() {
        assert_eq!(exit("a"), Exit::Usage);
        assert_eq!(exit("=1"), Exit::Usage);
        assert_eq!(exit(":=1"), Exit::Usage);
        assert_eq!(exit("$type=1"), Exit::BadData);
        assert_eq!(exit(&format!("{}=1", "k".repeat(300))), Exit::BadData);
        let twice = collect(&["a=1".to_owned(), "a=2".to_owned()], parse).unwrap_err();
        assert_eq!(Fault::from(twice).exit(), Exit::Usage);
    }

    #[test]
    fn counters_take_numbers() {
        let number = |text: &str| parse_number(text).map(|(_, number)| number.to_string());
        assert_eq!(number("n=-3").unwrap(), "-3");
        assert_eq!(number("n=0.5").unwrap(), "0.5");
        for wrong in ["n=x", "n=\"1\"", "n=", "n=1e999", "n"] {
            assert_eq!(
                Fault::from(parse_number(wrong).unwrap_err()).exit(),
                Exit::Usage
            );
        }
    }
}
