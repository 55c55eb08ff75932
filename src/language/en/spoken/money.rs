//! Amounts of money, with their magnitude: "£3m", "$1.2bn", "$49.95", "€5", "50p", "20 USD".

use super::number::{NUMBER, sign};
use super::rule::{Found, Rule};
use super::words::{cardinal, decimal, value, whole};

struct Currency {
    signs: &'static [&'static str],
    one: &'static str,
    many: &'static str,
    /// A hundredth of it.
    part: &'static str,
    parts: &'static str,
}

const CURRENCIES: &[Currency] = &[
    Currency { signs: &["US$"], one: "U.S dollar", many: "U.S dollars", part: "cent", parts: "cents" },
    Currency {
        signs: &["A$", "AUD"],
        one: "Australian dollar",
        many: "Australian dollars",
        part: "cent",
        parts: "cents",
    },
    Currency {
        signs: &["C$", "CA$", "CAD"],
        one: "Canadian dollar",
        many: "Canadian dollars",
        part: "cent",
        parts: "cents",
    },
    Currency {
        signs: &["NZ$", "NZD"],
        one: "New Zealand dollar",
        many: "New Zealand dollars",
        part: "cent",
        parts: "cents",
    },
    Currency {
        signs: &["HK$", "HKD"],
        one: "Hong Kong dollar",
        many: "Hong Kong dollars",
        part: "cent",
        parts: "cents",
    },
    Currency { signs: &["$", "USD"], one: "dollar", many: "dollars", part: "cent", parts: "cents" },
    Currency { signs: &["£", "GBP"], one: "pound", many: "pounds", part: "penny", parts: "pence" },
    Currency { signs: &["€", "EUR"], one: "euro", many: "euros", part: "cent", parts: "cents" },
    Currency { signs: &["¥", "JPY"], one: "yen", many: "yen", part: "sen", parts: "sen" },
    Currency { signs: &["₹", "INR", "Rs."], one: "rupee", many: "rupees", part: "paisa", parts: "paise" },
    Currency { signs: &["CHF"], one: "Swiss franc", many: "Swiss francs", part: "centime", parts: "centimes" },
    Currency { signs: &["₩", "KRW"], one: "won", many: "won", part: "jeon", parts: "jeon" },
    Currency { signs: &["₽", "RUB"], one: "rouble", many: "roubles", part: "kopeck", parts: "kopecks" },
    Currency { signs: &["CNY", "RMB"], one: "yuan", many: "yuan", part: "fen", parts: "fen" },
    Currency { signs: &["₿"], one: "bitcoin", many: "bitcoins", part: "", parts: "" },
];

const SIGN: &str =
    r"(?:(?:US|A|C|CA|NZ|HK)?\$|[£€¥₹₩₽₿]|\b(?:USD|GBP|EUR|JPY|INR|CHF|AUD|CAD|NZD|HKD|KRW|RUB|CNY|RMB)\b|\bRs\.)";

const MAGNITUDE: &str = r"(?:[ ]?(?:bn|tn|mn|mln|thousand|million|billion|trillion|hundred)\b|[kKmMbBtT]\b)";

/// Before these a price is an adjective: "a five dollar bill".
const PRICED: &[&str] = &[
    "bill", "bills", "note", "notes", "coin", "coins", "voucher", "vouchers", "bet", "deal", "ticket", "tickets",
    "fee", "fine", "gift", "prize", "loan", "budget", "phone", "meal", "lunch", "dinner",
];

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::new(
            &format!(
                r"(?P<sign>[-−–])?(?P<cur>{SIGN})[ ]?(?P<n>{NUMBER})(?P<mag>{MAGNITUDE})?(?:[ ]?(?:[-–—])[ ]?(?:{SIGN})?(?P<e>{NUMBER})(?P<emag>{MAGNITUDE})?)?"
            ),
            |found| {
                let joined = found.last().is_some_and(char::is_alphanumeric);
                let runs_on = found.next().is_some_and(char::is_alphanumeric);
                (!joined && !runs_on).then(|| amount(found))?
            },
        ),
        Rule::new(&format!(r"(?P<sign>[-−–])?(?P<n>{NUMBER})(?P<mag>{MAGNITUDE})?[ ]?(?P<cur>{SIGN})"), |found| {
            let joined = found.last().is_some_and(|c| c.is_alphanumeric() || c == '.');
            let runs_on = found.next().is_some_and(|c| c.is_alphanumeric());
            (!joined && !runs_on).then(|| amount(found))?
        }),
        Rule::new(&format!(r"(?P<n>{NUMBER})(?P<cur>p|¢|[ ]¢)"), |found| {
            if found.last().is_some_and(|c| c.is_alphanumeric() || c == '.')
                || found.next().is_some_and(char::is_alphanumeric)
            {
                return None;
            }
            let (one, many) = if found.text("cur") == "p" { ("penny", "pence") } else { ("cent", "cents") };
            let words = decimal(found.text("n"));
            Some(format!("{words} {}", if words == "one" { one } else { many }))
        }),
    ]
}

fn amount(found: &Found<'_>) -> Option<String> {
    let currency = CURRENCIES.iter().find(|currency| currency.signs.contains(&found.text("cur")))?;
    let sign = sign(found)?;
    let magnitude = found.part("mag").map(magnitude);
    let attributive = PRICED.contains(&found.word_after()) || found.next() == Some('-');
    if let Some(end) = found.part("e") {
        let end = match found.part("emag").map(self::magnitude) {
            Some(name) => format!("{} {name}", decimal(end)),
            None => decimal(end),
        };
        let start = match magnitude {
            Some(name) => format!("{} {name}", decimal(found.text("n"))),
            None => decimal(found.text("n")),
        };
        return Some(format!("{sign}{start} to {end} {}", currency.many));
    }
    let number = found.text("n");
    if let Some(name) = magnitude {
        let unit = if attributive { currency.one } else { currency.many };
        return Some(format!("{sign}{} {name} {unit}", decimal(number)));
    }
    let words = match number.split_once('.') {
        Some((units, parts)) if parts.len() == 2 && !currency.part.is_empty() => {
            let units = if units.is_empty() { "0" } else { units };
            match (value(units)?, value(parts)?) {
                (0, 0) => format!("zero {}", currency.many),
                (0, 1) => format!("one {}", currency.part),
                (0, parts) => format!("{} {}", cardinal(parts), currency.parts),
                (1, 0) => format!("one {}", currency.one),
                (_, 0) => format!("{} {}", whole(units), currency.many),
                // "one pound fifty", but "one pound and five pence".
                (one, parts @ 10..) if currency.parts == "pence" => {
                    let unit = if one == 1 { currency.one } else { currency.many };
                    format!("{} {unit} {}", whole(units), cardinal(parts))
                }
                (one, parts) => {
                    let unit = if one == 1 { currency.one } else { currency.many };
                    let part = if parts == 1 { currency.part } else { currency.parts };
                    format!("{} {unit} and {} {part}", whole(units), cardinal(parts))
                }
            }
        }
        _ => {
            let one = number == "1" || attributive;
            format!("{} {}", decimal(number), if one { currency.one } else { currency.many })
        }
    };
    Some(format!("{sign}{words}"))
}

fn magnitude(text: &str) -> &'static str {
    match text.trim() {
        "k" | "K" | "thousand" => "thousand",
        "m" | "M" | "mn" | "mln" | "million" => "million",
        "b" | "B" | "bn" | "billion" => "billion",
        "hundred" => "hundred",
        _ => "trillion",
    }
}
