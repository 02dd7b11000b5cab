//! Tokens with a prefix of their own.

use super::{Found, is_placeholder};

/// One family: a literal and what may follow it.
pub(crate) struct Token {
    pub(crate) kind: &'static str,
    /// The literal that the engine finds.
    pub(crate) prefix: &'static str,
    /// Bytes beyond letters and digits that the body may have; `^` in front: upper case only; `#` in front: hexadecimal.
    body: &'static str,
    /// Fewest bytes of the body.
    min: usize,
    /// Most bytes of the body; what is longer is something else.
    max: usize,
}

#[cfg(test)]
impl Token {
    /// A token of this family; `roll` gives a number below its argument.
    pub(crate) fn drawn(&self, mut roll: impl FnMut(u64) -> u64) -> String {
        let letters: &[u8] = match self.body.as_bytes().first() {
            Some(b'^') => b"ABCDEFGHJKLMNPQRSTUVW234567",
            Some(b'#') => b"0123456789abcdef",
            _ => b"ABCDEFGHJKLMNPQRSTUVWabcdefghijkmnopqrstuvw0123456789",
        };
        let body: String = (0..self.min + 2)
            .take(self.max)
            .map(|_| char::from(letters[roll(letters.len() as u64) as usize]))
            .collect();
        format!("{}{body}", self.prefix)
    }
}

const fn token_of(
    kind: &'static str,
    prefix: &'static str,
    body: &'static str,
    min: usize,
    max: usize,
) -> Token {
    Token {
        kind,
        prefix,
        body,
        min,
        max,
    }
}

pub(crate) const TOKENS: &[Token] = &[
    token_of("AWS_ACCESS_KEY_ID", "AKIA", "^", 16, 16),
    token_of("AWS_ACCESS_KEY_ID", "ASIA", "^", 16, 16),
    token_of("GCP_API_KEY", "AIza", "_-", 35, 35),
    token_of("GCP_OAUTH_TOKEN", "ya29.", "_-", 20, 400),
    token_of("GCP_OAUTH_TOKEN", "GOCSPX-", "_-", 20, 40),
    token_of("GITHUB_TOKEN", "ghp_", "", 30, 255),
    token_of("GITHUB_TOKEN", "gho_", "", 30, 255),
    token_of("GITHUB_TOKEN", "ghu_", "", 30, 255),
    token_of("GITHUB_TOKEN", "ghs_", "", 30, 255),
    token_of("GITHUB_TOKEN", "ghr_", "", 30, 255),
    token_of("GITHUB_FINE_GRAINED", "github_pat_", "_", 40, 255),
    token_of("GITLAB_TOKEN", "glpat-", "_.-", 20, 128),
    token_of("GITLAB_TOKEN", "gldt-", "_.-", 20, 128),
    token_of("GITLAB_TOKEN", "glrt-", "_.-", 20, 128),
    token_of("GITLAB_TOKEN", "glptt-", "_.-", 20, 128),
    token_of("GITLAB_TOKEN", "glcbt-", "_.-", 20, 128),
    token_of("GITLAB_TOKEN", "gloas-", "_.-", 20, 128),
    token_of("SLACK_TOKEN", "xoxb-", "-", 20, 255),
    token_of("SLACK_TOKEN", "xoxp-", "-", 20, 255),
    token_of("SLACK_TOKEN", "xoxa-", "-", 20, 255),
    token_of("SLACK_TOKEN", "xoxr-", "-", 20, 255),
    token_of("SLACK_TOKEN", "xoxs-", "-", 20, 255),
    token_of("SLACK_TOKEN", "xapp-", "-", 20, 255),
    token_of("STRIPE_KEY", "sk_live_", "", 16, 255),
    token_of("STRIPE_KEY", "sk_test_", "", 16, 255),
    token_of("STRIPE_KEY", "rk_live_", "", 16, 255),
    token_of("STRIPE_KEY", "rk_test_", "", 16, 255),
    token_of("STRIPE_KEY", "whsec_", "/+=", 24, 128),
    token_of("ANTHROPIC_KEY", "sk-ant-", "_-", 24, 255),
    token_of("OPENAI_KEY", "sk-proj-", "_-", 24, 255),
    token_of("OPENAI_KEY", "sk-svcacct-", "_-", 24, 255),
    token_of("OPENAI_KEY", "sk-admin-", "_-", 24, 255),
    token_of("OPENAI_KEY", "sk-", "", 40, 128),
    token_of("HUGGINGFACE_TOKEN", "hf_", "", 30, 50),
    token_of("NPM_TOKEN", "npm_", "", 36, 40),
    token_of("PYPI_TOKEN", "pypi-AgEIcHlwaS5vcmc", "_-", 40, 512),
    token_of("SENDGRID_KEY", "SG.", "_.-", 60, 80),
    token_of("TWILIO_KEY", "SK", "#", 32, 32),
    token_of("MAILGUN_KEY", "key-", "#", 32, 32),
    token_of("DIGITALOCEAN_TOKEN", "dop_v1_", "#", 64, 64),
    token_of("DIGITALOCEAN_TOKEN", "doo_v1_", "#", 64, 64),
    token_of("DIGITALOCEAN_TOKEN", "dor_v1_", "#", 64, 64),
    token_of("VAULT_TOKEN", "hvs.", "_-", 20, 255),
    token_of("VAULT_TOKEN", "hvb.", "_-", 20, 255),
    token_of("SHOPIFY_TOKEN", "shpat_", "#", 32, 32),
    token_of("SHOPIFY_TOKEN", "shpca_", "#", 32, 32),
    token_of("SHOPIFY_TOKEN", "shppa_", "#", 32, 32),
    token_of("SHOPIFY_TOKEN", "shpss_", "#", 32, 32),
    token_of("SQUARE_TOKEN", "EAAA", "_-", 18, 80),
    token_of("SQUARE_TOKEN", "sq0atp-", "_-", 20, 60),
    token_of("SQUARE_TOKEN", "sq0csp-", "_-", 20, 60),
    token_of("DATABRICKS_TOKEN", "dapi", "#-", 32, 34),
    token_of("GRAFANA_TOKEN", "glsa_", "_", 32, 48),
    token_of("GRAFANA_TOKEN", "glc_", "+/=_", 32, 400),
    token_of("ATLASSIAN_TOKEN", "ATATT3", "_=-", 40, 400),
    token_of("LINEAR_KEY", "lin_api_", "", 32, 64),
    token_of("NOTION_TOKEN", "ntn_", "", 40, 60),
    token_of("DOPPLER_TOKEN", "dp.pt.", "", 32, 64),
    token_of("DOPPLER_TOKEN", "dp.st.", "_.-", 32, 80),
    token_of("DOPPLER_TOKEN", "dp.ct.", "", 32, 64),
    token_of("NEWRELIC_KEY", "NRAK-", "", 20, 40),
    token_of("NEWRELIC_KEY", "NRII-", "_-", 20, 40),
    token_of("PLANETSCALE_TOKEN", "pscale_tkn_", "_=.-", 28, 80),
    token_of("PLANETSCALE_TOKEN", "pscale_pw_", "_=.-", 28, 80),
    token_of("PLANETSCALE_TOKEN", "pscale_oauth_", "_=.-", 28, 80),
    token_of("POSTMAN_KEY", "PMAK-", "-", 40, 80),
    token_of("RUBYGEMS_TOKEN", "rubygems_", "#", 48, 48),
    token_of("FLY_TOKEN", "fo1_", "_-", 36, 60),
    token_of("FLY_TOKEN", "FlyV1 ", "_=,+/-", 40, 800),
    token_of("TAILSCALE_KEY", "tskey-", "-", 20, 100),
    token_of("GROQ_KEY", "gsk_", "", 40, 64),
    token_of("XAI_KEY", "xai-", "", 60, 100),
    token_of("AGE_KEY", "AGE-SECRET-KEY-1", "^", 50, 60),
    token_of("CLOUDFLARE_TOKEN", "cfat_", "_-", 30, 80),
    token_of("CLOUDFLARE_TOKEN", "cfkt_", "_-", 30, 80),
    token_of("CLOUDFLARE_TOKEN", "cfut_", "_-", 30, 80),
    token_of("CLOUDFLARE_TOKEN", "cfk_", "_-", 30, 80),
    token_of("SENTRY_TOKEN", "sntrys_", "_=+/-", 40, 400),
    token_of("SENTRY_TOKEN", "sntryu_", "#", 64, 64),
    token_of("ONEPASSWORD_TOKEN", "ops_eyJ", "_=+/-", 80, 2000),
    token_of("SLACK_WEBHOOK", "hooks.slack.com/services/", "/", 20, 100),
    token_of(
        "DISCORD_WEBHOOK",
        "discord.com/api/webhooks/",
        "/_-",
        60,
        120,
    ),
    token_of("AZURE_STORAGE_KEY", "AccountKey=", "+/=", 80, 90),
];

/// The token whose prefix ends at `end`.
pub(crate) fn token(text: &[u8], end: usize, token: &Token) -> Option<Found> {
    let start = end.checked_sub(token.prefix.len())?;
    let web = matches!(token.kind, "SLACK_WEBHOOK" | "DISCORD_WEBHOOK");
    let before = start
        .checked_sub(1)
        .and_then(|at| text.get(at))
        .copied()
        .unwrap_or(0);
    // A prefix inside of a longer word is no prefix.
    if before.is_ascii_alphanumeric() && !web {
        return None;
    }
    let rest = text.get(end..)?;
    let length = rest
        .iter()
        .take(token.max + 1)
        .take_while(|byte| in_body(**byte, token.body))
        .count();
    let body = trimmed(rest.get(..length)?);
    if body.len() < token.min || length > token.max || is_placeholder(body) {
        return None;
    }
    if !varied(body) {
        return None;
    }
    let (start, end) = match token.kind {
        // The address as a whole is the secret.
        "SLACK_WEBHOOK" | "DISCORD_WEBHOOK" if text.get(..start)?.ends_with(b"https://") => {
            (start - 8, end)
        }
        "AZURE_STORAGE_KEY" => return Some((token.kind, end, end + body.len())),
        _ => (start, end),
    };
    Some((token.kind, start, end + body.len()))
}

fn in_body(byte: u8, body: &str) -> bool {
    let (class, extra) = match body.as_bytes().split_first() {
        Some((b'^', extra)) => (byte.is_ascii_uppercase() || byte.is_ascii_digit(), extra),
        Some((b'#', extra)) => (byte.is_ascii_hexdigit(), extra),
        _ => (byte.is_ascii_alphanumeric(), body.as_bytes()),
    };
    class || extra.contains(&byte)
}

/// A sentence's full stop or dash at the end is not the token's.
fn trimmed(body: &[u8]) -> &[u8] {
    let kept = body
        .iter()
        .rev()
        .skip_while(|byte| matches!(byte, b'.' | b','))
        .count();
    body.get(..kept).unwrap_or_default()
}

/// Fewest different bytes of a token: words and fillers have fewer for their length.
fn varied(body: &[u8]) -> bool {
    const DIFFERENT_MIN: u32 = 7;
    let seen = body
        .iter()
        .fold(0_u128, |seen, byte| seen | 1 << (byte & 0x7f));
    // Without a digit it is one of chance: words have capitals one by one, or all in a row.
    let capitals = |pair: &&[u8]| pair.iter().all(u8::is_ascii_uppercase);
    let turns = |pair: &&[u8]| matches!(pair, [one, other] if one.is_ascii_lowercase() != other.is_ascii_lowercase());
    let is_of_chance = || {
        (2..8).contains(&body.windows(2).filter(capitals).count())
            && body.windows(2).filter(turns).count() >= 6
    };
    let different = seen.count_ones();
    different >= DIFFERENT_MIN && body.iter().any(u8::is_ascii_digit)
        || body.len() > 30 && different > 14
        || body.len() >= 20 && different > 11 && is_of_chance()
}

/// Tokens known by their dots or tails: Discord, Mailchimp, Telegram, Azure client secrets. `at` is the byte of the
/// mark that the engine found last.
pub(crate) fn dotted(text: &[u8], end: usize, mark: &str) -> Option<Found> {
    let back = |from: usize, max: usize, allowed: fn(u8) -> bool| {
        text.get(..from)
            .unwrap_or_default()
            .iter()
            .rev()
            .take(max + 1)
            .take_while(|byte| allowed(**byte))
            .count()
    };
    let ahead = |from: usize, max: usize, allowed: fn(u8) -> bool| {
        text.get(from..)
            .unwrap_or_default()
            .iter()
            .take(max + 1)
            .take_while(|byte| allowed(**byte))
            .count()
    };
    let name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    match mark {
        "-us" => {
            let (hex, digits) = (
                back(end - 3, 32, |byte| byte.is_ascii_hexdigit()),
                ahead(end, 2, |byte| byte.is_ascii_digit()),
            );
            (hex == 32 && matches!(digits, 1 | 2))
                .then(|| ("MAILCHIMP_KEY", end - 35, end + digits))
        }
        ":AA" => {
            let (digits, rest) = (
                back(end - 3, 10, |byte| byte.is_ascii_digit()),
                ahead(end, 34, name),
            );
            (matches!(digits, 8..=10) && matches!(rest, 31..=34))
                .then(|| ("TELEGRAM_TOKEN", end - 3 - digits, end + rest))
        }
        "Q~" => {
            let azure = |byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'~' | b'.')
            };
            let (head, rest) = (back(end - 2, 4, azure), ahead(end, 36, azure));
            (head == 4 && matches!(rest, 30..=36))
                .then(|| ("AZURE_CLIENT_SECRET", end - 6, end + rest))
        }
        _ => {
            // `[MNO]….XXXXXX.…`: `end` is past the first dot. Behind most dots is no other so soon.
            text.get(end + 6).filter(|byte| **byte == b'.')?;
            let (head, middle) = (back(end - 1, 30, name), ahead(end, 6, name));
            let tail = ahead(end + 7, 45, name);
            let first = text.get((end - 1).checked_sub(head)?);
            (matches!(head, 23..=28)
                && middle == 6
                && matches!(tail, 27..=45)
                && matches!(first, Some(b'M' | b'N' | b'O')))
            .then(|| ("DISCORD_TOKEN", end - 1 - head, end + 7 + tail))
        }
    }
}
