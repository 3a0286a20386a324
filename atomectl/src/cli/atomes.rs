//! Commands that read, write and watch atomes.

use clap::{Args, Subcommand};

use crate::arg::clause::Clause;

/// How an atome is named on the command line.
const REFERENCE: &str = "ID is an id, a unique prefix of one, or key:EXTERNAL-KEY.";

#[derive(Debug, Subcommand)]
pub(crate) enum Atomes {
    /// Make an atome
    ///
    /// A value is JSON if it parses as JSON, else a text. key:=JSON insists on JSON, key=@FILE reads the value
    /// from a file.
    #[command(
        after_help = "Example:\n  atomectl create task title='Call Bob' done=false tags:='[\"phone\"]'\n  atomectl create note --key notes/1 --parent key:notes body=@note.txt"
    )]
    Create(Create),
    /// Show atomes
    #[command(
        after_help = "Example:\n  atomectl get 0198c0de\n  atomectl get key:geonames/country/CH -o json",
        after_long_help = format!("{REFERENCE}\n\nExample:\n  atomectl get 0198c0de\n  atomectl get key:geonames/country/CH -o json")
    )]
    Get {
        /// The atomes; what is not there is told, and the others are shown
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
    },
    /// Give particles of an atome new values
    ///
    /// A value is JSON if it parses as JSON, else a text. key:=JSON insists on JSON, key=@FILE reads the value
    /// from a file.
    #[command(
        after_help = "Example:\n  atomectl set 0198c0de done=true note='left a message'\n  RECEIPT=$(atomectl -o table set 0198c0de done=true --receipt)"
    )]
    Set {
        /// The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY
        #[arg(value_name = "ID")]
        id: String,
        /// The particles and their values
        #[arg(value_name = "KEY=VALUE", required = true)]
        pairs: Vec<String>,
        #[command(flatten)]
        proof: Proof,
    },
    /// Take particles of an atome away
    #[command(after_help = "Example:\n  atomectl unset 0198c0de note")]
    Unset {
        /// The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY
        #[arg(value_name = "ID")]
        id: String,
        /// The particles
        #[arg(value_name = "KEY", required = true)]
        keys: Vec<String>,
        #[command(flatten)]
        proof: Proof,
    },
    /// Add to counters: additions made apart all count
    #[command(after_help = "Example:\n  atomectl add key:shelf/7 stock=-3")]
    Add {
        /// The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY
        #[arg(value_name = "ID")]
        id: String,
        /// The counters and what to add
        #[arg(value_name = "KEY=NUMBER", required = true)]
        pairs: Vec<String>,
        #[command(flatten)]
        proof: Proof,
    },
    /// Delete atomes, all of them or none; 'undelete' brings them back
    #[command(after_help = "Example:\n  atomectl delete 0198c0de key:notes/1")]
    Delete {
        /// The atomes: ids, unique prefixes, or key:EXTERNAL-KEY
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        proof: Proof,
    },
    /// Bring deleted atomes back, all of them or none
    #[command(after_help = "Example:\n  atomectl undelete 0198c0de")]
    Undelete {
        /// The atomes: ids, unique prefixes, or key:EXTERNAL-KEY
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        #[command(flatten)]
        proof: Proof,
    },
    /// Move an atome below another, or to the top
    #[command(
        after_help = "Example:\n  atomectl move 0198c0de --parent key:notes\n  atomectl move 0198c0de --top"
    )]
    Move {
        /// The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        proof: Proof,
    },
    /// List atomes
    ///
    /// A condition is 'key OP value' with one of = != < <= > >= ~ (contains); all conditions must hold.
    #[command(
        after_help = "Example:\n  atomectl list --type place.city --where 'population>5000000' --order -population --limit 10"
    )]
    List(List),
    /// Find atomes by the words of their texts
    ///
    /// Every word must stand in some particle that is a text, or in a text of a list. Upper and lower case are the same,
    /// and so are letters with accents and without: 'zurich' finds 'Zürich'. 'ferr*' finds every word that begins
    /// so; words in double quotes must follow one another. What fits best comes first, and the newest of what fits alike.
    ///
    /// The first search after much has come reads that first, which takes a while; see 'list --where' for values.
    #[command(
        after_help = "Example:\n  atomectl find zurich lake\n  atomectl find 'ferr* \"to the lake\"' --type note --limit 10"
    )]
    Find(Find),
    /// Show atomes as a tree
    #[command(after_help = "Example:\n  atomectl tree key:geonames/country/CH")]
    Tree {
        /// Where to begin: an id, a unique prefix of one, or key:EXTERNAL-KEY; all of it if left out
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
    /// Print every change as it happens, one JSON object a line, until Ctrl-C
    #[command(after_help = "Example:\n  atomectl watch --type task\n  atomectl watch --since 120")]
    Watch {
        /// Only atomes of this type
        #[arg(long = "type", value_name = "TYPE")]
        type_name: Option<String>,
        /// Begin after this cursor, which every line carries; from now on if left out
        #[arg(long, value_name = "CURSOR")]
        since: Option<u64>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// What it is, such as task or place.city
    #[arg(value_name = "TYPE")]
    pub(crate) type_name: String,
    /// Its particles
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) pairs: Vec<String>,
    /// Its id; a new one if left out
    #[arg(long, value_name = "UUID", conflicts_with = "key")]
    pub(crate) id: Option<String>,
    /// Its external key: the same key gives the same atome on every machine
    #[arg(long, value_name = "EXTERNAL-KEY")]
    pub(crate) key: Option<String>,
    /// The atome above it: an id, a unique prefix of one, or key:EXTERNAL-KEY
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// Its broad category
    #[arg(long)]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) proof: Proof,
}

/// What a write prints beside what it did.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Proof {
    /// Print a receipt, by which 'sync wait --receipt' tells on any machine whether the write has come
    #[arg(long)]
    pub(crate) receipt: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// The atome above it from now on: an id, a unique prefix of one, or key:EXTERNAL-KEY
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// To the top, below no other
    #[arg(long)]
    pub(crate) top: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only atomes of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) type_name: Option<String>,
    /// Only atomes directly below this one: an id, a unique prefix of one, or key:EXTERNAL-KEY
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
    /// Only where this holds, such as 'population>1000000'; repeat for and
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) wheres: Vec<Clause>,
    /// Sort by this particle, descending with a leading '-'; by id if left out
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) order: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Deleted ones too
    #[arg(long)]
    pub(crate) deleted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Find {
    /// The words; with * at the end the beginning of one, in double quotes a phrase
    #[arg(value_name = "TEXT", required = true)]
    pub(crate) text: Vec<String>,
    /// Only atomes of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) type_name: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
}
