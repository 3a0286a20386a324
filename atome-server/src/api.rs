//! What the hub can be asked for over HTTP: one table, from which requests are answered and the
//! documentation is made.

mod account;
mod directory;
mod login;
mod operation;
mod register;
mod sessions;
mod sharing;

use std::future::ready;

use atome_proto::Code;
use atome_proto::account::{
    ChangePassword, DeleteAccount, DirectoryEntry, Login, Me, Register, Server, Sessions,
    SessionsClosed,
};
use atome_proto::directory::{DirectoryChanges, DirectoryPage};
use atome_proto::sharing::{Act, Grant, Grants, Policies, Why};
use serde_json::Value;

use crate::gateway;
use crate::http::route::{Kind, Parameter, Route, Run, Success, Verb, of};

/// Most entries of the directory in one answer.
const PAGE_MAX: u64 = 200;
/// Most changes of the directory in one answer.
const CHANGES_MAX: u64 = 1_000;

const fn text(name: &'static str, what: &'static str, max: usize) -> Parameter {
    let kind = Kind::Text { max, pattern: None };
    Parameter { name, what, kind }
}

const fn limit(max: u64) -> Parameter {
    Parameter {
        name: "limit",
        what: "The most that are answered.",
        kind: Kind::Whole {
            min: 1,
            max,
            default: max,
        },
    }
}

/// Every route.
pub static ROUTES: &[Route] = &[
    Route::new(
        Verb::Post,
        "/api/v1/auth/register",
        "register",
        Run::Anyone(|ask| Box::pin(register::register(ask))),
    )
    .does(
        "Registers an account, and opens a session. The same registration again, known by \
         its retry secret, gets a new session.",
    )
    .takes_body(of::<Register>)
    .gives(Success::Session)
    .or(&[
        Code::BadData,
        Code::Conflict,
        Code::NotAllowed,
        Code::AccountDeleted,
        Code::Busy,
    ]),
    Route::new(
        Verb::Post,
        "/api/v1/auth/login",
        "login",
        Run::Anyone(|ask| Box::pin(login::login(ask))),
    )
    .does("Opens a session where name and password are right.")
    .takes_body(of::<Login>)
    .gives(Success::Session)
    .or(&[Code::WrongCredentials, Code::NotAllowed, Code::Busy]),
    Route::new(
        Verb::Post,
        "/api/v1/auth/logout",
        "logout",
        Run::Known(|ask, known| Box::pin(sessions::logout(ask, known))),
    )
    .does("Ends the session that asks, and takes its cookie away."),
    Route::new(
        Verb::Get,
        "/api/v1/auth/me",
        "me",
        Run::Known(|ask, known| Box::pin(sessions::me(ask, known))),
    )
    .does("Whose session it is; being asked, it lives on.")
    .gives(Success::Json(of::<Me>)),
    Route::new(
        Verb::Get,
        "/api/v1/auth/sessions",
        "sessions",
        Run::Known(|ask, known| Box::pin(sessions::list(ask, known))),
    )
    .does("Every session of the account, the newest first.")
    .gives(Success::Json(of::<Sessions>)),
    Route::new(
        Verb::Delete,
        "/api/v1/auth/sessions",
        "closeOtherSessions",
        Run::Known(|ask, known| Box::pin(sessions::close_others(ask, known))),
    )
    .does("Closes every session of the account but the one that asks.")
    .gives(Success::Json(of::<SessionsClosed>)),
    Route::new(
        Verb::Delete,
        "/api/v1/auth/sessions/{id}",
        "closeSession",
        Run::Known(|ask, known| Box::pin(sessions::close(ask, known))),
    )
    .does("Closes one session of the account.")
    .or(&[Code::NotFound]),
    Route::new(
        Verb::Post,
        "/api/v1/auth/password",
        "changePassword",
        Run::Known(|ask, known| Box::pin(account::change_password(ask, known))),
    )
    .does(
        "Changes the password of the account, and closes its other sessions where that is \
         asked for.",
    )
    .takes_body(of::<ChangePassword>)
    .or(&[Code::WrongCredentials, Code::BadData, Code::Busy]),
    Route::new(
        Verb::Post,
        "/api/v1/auth/delete",
        "deleteAccount",
        Run::Anyone(|ask| Box::pin(account::delete(ask))),
    )
    .does(
        "Deletes an account with all that it has, everywhere and for good. It needs the \
         password and no session.",
    )
    .takes_body(of::<DeleteAccount>)
    .or(&[Code::WrongCredentials, Code::NotAllowed, Code::Busy]),
    Route::new(
        Verb::Get,
        "/api/v1/directory",
        "directory",
        Run::Known(|ask, known| Box::pin(directory::page(ask, known))),
    )
    .does("Listed accounts by folded name, a page of them.")
    .asks(&[
        text("find", "How the name begins, in any case.", 64),
        text("after", "The `next` of the page before.", 64),
        limit(PAGE_MAX),
    ])
    .gives(Success::Json(of::<DirectoryPage>))
    .or(&[Code::Busy]),
    Route::new(
        Verb::Get,
        "/api/v1/directory/lookup",
        "lookup",
        Run::Known(|ask, known| Box::pin(directory::lookup(ask, known))),
    )
    .does(
        "One account: a listed one by its name, or any by its phone number. Exactly one \
         of the two is given.",
    )
    .asks(&[
        text("name", "The name, in any case.", 64),
        Parameter {
            name: "phone",
            what: "The phone number (E.164).",
            kind: Kind::Text {
                max: 16,
                pattern: Some(r"^\+[1-9][0-9]{6,14}$"),
            },
        },
    ])
    .gives(Success::Json(of::<DirectoryEntry>))
    .or(&[Code::NotFound, Code::Busy]),
    Route::new(
        Verb::Get,
        "/api/v1/directory/changes",
        "directoryChanges",
        Run::Known(|ask, known| Box::pin(directory::changes(ask, known))),
    )
    .does("What changed in the directory after a number, in order.")
    .asks(&[
        Parameter {
            name: "after",
            what: "The number of the last change that is known.",
            kind: Kind::Whole {
                min: 0,
                max: i64::MAX as u64,
                default: 0,
            },
        },
        limit(CHANGES_MAX),
    ])
    .gives(Success::Json(of::<DirectoryChanges>))
    .or(&[Code::Busy]),
    Route::new(
        Verb::Get,
        "/api/v1/grants",
        "grants",
        Run::Known(|ask, known| Box::pin(sharing::list(ask, known))),
    )
    .does(
        "Grants that the account has to do with: what it shared, what was shared with it, requests \
         to it that are not answered; a page of them, by id.",
    )
    .asks(&[text("after", "The `next` of the page before.", 36)])
    .gives(Success::Json(of::<Grants>)),
    Route::new(
        Verb::Get,
        "/api/v1/grants/{id}",
        "grant",
        Run::Known(|ask, known| Box::pin(sharing::one(ask, known))),
    )
    .does("One grant that the account has to do with.")
    .gives(Success::Json(of::<Grant>))
    .or(&[Code::NotFound]),
    Route::new(
        Verb::Get,
        "/api/v1/policies",
        "policies",
        Run::Known(|ask, known| Box::pin(sharing::policies(ask, known))),
    )
    .does("What the account does with the requests of others.")
    .gives(Success::Json(of::<Policies>)),
    Route::new(
        Verb::Post,
        "/api/v1/acts",
        "act",
        Run::Known(|ask, known| Box::pin(sharing::act(ask, known))),
    )
    .does(
        "Does something about sharing: offers a grant, answers a request, ends a grant, sets a \
         policy, or publishes a tree.",
    )
    .takes_body(of::<Act>)
    .or(&[
        Code::BadData,
        Code::NotFound,
        Code::NotAllowed,
        Code::Conflict,
    ]),
    Route::new(
        Verb::Get,
        "/api/v1/why",
        "why",
        Run::Known(|ask, known| Box::pin(sharing::why(ask, known))),
    )
    .does(
        "Whether an account may do something with an atome, at a time, and by which grants. The \
         owner, whoever may share the atome, and the account itself may ask.",
    )
    .asks(&[
        text("actor", "The account.", 36),
        text("atome", "The atome.", 36),
        text(
            "right",
            "`read`, `alter`, `create`, `delete` or `share`.",
            6,
        ),
        text("key", "The particle, where it is about one.", 255),
        Parameter {
            name: "at",
            what: "When, in milliseconds since 1970; 0 for now.",
            kind: Kind::Whole {
                min: 0,
                max: i64::MAX as u64,
                default: 0,
            },
        },
    ])
    .gives(Success::Json(of::<Why>))
    .or(&[Code::NotFound, Code::NotAllowed]),
    Route::new(
        Verb::Get,
        "/api/v1/server",
        "server",
        Run::Anyone(|ask| Box::pin(ready(operation::server(&ask)))),
    )
    .does("What the hub is.")
    .gives(Success::Json(of::<Server>)),
    Route::new(
        Verb::Get,
        "/api/v1/openapi.json",
        "openapi",
        Run::Anyone(|ask| Box::pin(ready(operation::openapi(&ask)))),
    )
    .does("This description.")
    .gives(Success::Json(of::<Value>)),
    Route::new(
        Verb::Get,
        "/healthz",
        "healthz",
        Run::Anyone(|_| Box::pin(ready(operation::health()))),
    )
    .does("Whether the hub runs.")
    .gives(Success::Text),
    Route::new(
        Verb::Get,
        "/readyz",
        "readyz",
        Run::Anyone(|ask| Box::pin(operation::ready(ask))),
    )
    .does("Whether the hub can be used: it is not stopping, and its database answers.")
    .gives(Success::Text)
    .or(&[Code::Stopping, Code::LowSpace]),
    Route::new(
        Verb::Get,
        "/ws/sync",
        "sync",
        Run::Anyone(|ask| Box::pin(gateway::upgrade(ask))),
    )
    .does(
        "The sync protocol `atome.sync.v1` over a WebSocket (docs/protocol.md). Without a \
         session here, the first message is `auth`.",
    )
    .gives(Success::Upgrade)
    .or(&[
        Code::AuthRequired,
        Code::AccountDeleted,
        Code::NotAllowed,
        Code::Unsupported,
        Code::Stopping,
        Code::LowSpace,
    ]),
];
