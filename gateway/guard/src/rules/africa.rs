//! Africa and the Middle East.

use super::Rule;
use crate::checks::asia;

pub(crate) const RULES: &[Rule] = &[
    Rule {
        kind: "ZA_ID",
        groups: "pii africa-middle-east za",
        bare: &[],
        near: &["9999999999999", "999999-9999-999", "999999-9999-99-9"],
        check: asia::za_id,
        words: &[
            "rsa id",
            "south african",
            "south africa",
            "sa id",
            "id number",
            "id nommer",
            "id no",
            "identity number",
        ],
    },
    Rule {
        kind: "IL_ID",
        groups: "pii africa-middle-east il",
        bare: &[],
        near: &["999999999", "99999999-9"],
        check: asia::il_id,
        words: &[
            "teudat zehut",
            "תעודת זהות",
            "ת ז",
            "מספר זהות",
            "israeli",
            "israeli id",
            "israel id",
            "tz",
            "ת\"ז",
            "זהות",
            "mispar zehut",
            "zehut",
            "teudat",
        ],
    },
    Rule {
        kind: "NG_NIN",
        groups: "pii africa-middle-east ng",
        bare: &[],
        near: &["99999999999", "9999-999-9999"],
        check: asia::nin,
        words: &[
            "nin",
            "national identification number",
            "national identity number",
            "nigerian",
            "nimc",
        ],
    },
];
