//! Secrets that are known by what stands before them.

use crate::{ALNUM, body, mask_string};

#[test]
fn values_are_hidden_and_names_stay() {
    for (text, masked) in [
        ("API_KEY=abcdefgh", "API_KEY=********"),
        ("export MY_APP_TOKEN=abc-123.x/yz rest", "export MY_APP_TOKEN=************ rest"),
        ("DB_PASSWORD='correct horse' next", "DB_PASSWORD='*************' next"),
        ("PGPASSWORD=hunter2hunter2 psql", "PGPASSWORD=************** psql"),
        ("client_secret: 0123456789\n", "client_secret: **********\n"),
        ("password:    hunter2hunter2", "password:    **************"),
        (r#"{"apiKey": "abcdefgh1", "a": 1}"#, r#"{"apiKey": "*********", "a": 1}"#),
        (r#"{"accessToken":"abcdefgh1"}"#, r#"{"accessToken":"*********"}"#),
        (r#"{\"db_passwd\":\"abcdefgh1\"}"#, r#"{\"db_passwd\":\"*********\"}"#),
        (r#"private_key = "abcdefgh1""#, r#"private_key = "*********""#),
        ("X-Api-Key: abcdefgh1\r\n", "X-Api-Key: *********\r\n"),
        ("https://a.b/?access_token=abcdefgh1", "https://a.b/?access_token=*********"),
        ("AccountKey=abcdefgh1==", "AccountKey=***********"),
        ("Authorization: Bearer abcdefgh1", "Authorization: Bearer *********"),
        ("authorization: basic dXNlcjpwYXNz", "authorization: basic ************"),
        ("-H 'Authorization: token abcdefgh1'", "-H 'Authorization: token *********'"),
        (r#""authorization": "Bearer abcdefgh1","#, r#""authorization": "Bearer *********","#),
        ("login --token abcdefgh1 --name a", "login --token ********* --name a"),
        ("login --client-secret abcdefgh1", "login --client-secret *********"),
        ("curl --api-key=abcdefgh1", "curl --api-key=*********"),
    ] {
        assert_eq!(mask_string(text), masked);
    }
}

#[test]
fn colours_between_name_and_value_are_passed_over() {
    let text = "\x1b[34;1m\"token\"\x1b[0m\x1b[1m:\x1b[0m \x1b[32m\"abcdefgh1\"\x1b[0m";
    assert_eq!(mask_string(text), text.replace("abcdefgh1", "*********"));
    let text = "\x1b[33mAPI_TOKEN\x1b[0m: \x1b[32mabcdefgh1\x1b[0m";
    assert_eq!(mask_string(text), text.replace("abcdefgh1", "*********"));
}

#[test]
fn secret_keys_of_aws_are_known_with_spaces_around_their_sign() {
    let key = body(ALNUM, 40);
    let stars = "*".repeat(40);
    for before in ["aws_secret_access_key = ", "aws_secret_access_key=", "SecretAccessKey: "] {
        assert_eq!(mask_string(&format!("{before}{key}\n")), format!("{before}{stars}\n"));
    }
}

#[test]
fn bearers_are_known_without_their_header() {
    let token = body(ALNUM, 30);
    assert_eq!(
        mask_string(&format!("sent Bearer {token}, got 401")),
        format!("sent Bearer {}, got 401", "*".repeat(30)),
    );
}
