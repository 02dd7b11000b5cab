//! Credentials: known prefixes, assignments, addresses with passwords, keys in armour.
//!
//! The engine finds the literal core; what precedes and follows it is confirmed here, forwards and backwards by a
//! bounded number of bytes.

mod assigned;
mod placeholder;
mod tokens;
mod value;
mod wrapped;

pub(crate) use assigned::{Assignment, KEYWORDS, assignment, name, promises};
pub(crate) use placeholder::{OwnNames, Parts, is_in_placeholder, is_placeholder};
pub(crate) use tokens::{TOKENS, dotted, token};
pub(crate) use value::known as assigned_value;
pub(crate) use wrapped::{ANCHORS, wrapped};

/// Makes ready what secrets are told by.
pub(crate) fn prepare() {
    value::prepare();
    placeholder::prepare();
}

/// What a finder reports: kind and place.
pub(crate) type Found = (&'static str, usize, usize);

/// All kinds of secrets.
pub(crate) const KINDS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "GCP_API_KEY",
    "GCP_OAUTH_TOKEN",
    "AZURE_STORAGE_KEY",
    "AZURE_CLIENT_SECRET",
    "GITHUB_TOKEN",
    "GITHUB_FINE_GRAINED",
    "GITLAB_TOKEN",
    "SLACK_TOKEN",
    "SLACK_WEBHOOK",
    "STRIPE_KEY",
    "OPENAI_KEY",
    "ANTHROPIC_KEY",
    "HUGGINGFACE_TOKEN",
    "NPM_TOKEN",
    "PYPI_TOKEN",
    "JWT",
    "PRIVATE_KEY",
    "DB_URL_PASSWORD",
    "URL_PASSWORD",
    "BASIC_AUTH",
    "BEARER_TOKEN",
    "SENDGRID_KEY",
    "TWILIO_KEY",
    "MAILGUN_KEY",
    "MAILCHIMP_KEY",
    "TELEGRAM_TOKEN",
    "DISCORD_TOKEN",
    "DISCORD_WEBHOOK",
    "DIGITALOCEAN_TOKEN",
    "VAULT_TOKEN",
    "SHOPIFY_TOKEN",
    "SQUARE_TOKEN",
    "DATABRICKS_TOKEN",
    "GRAFANA_TOKEN",
    "ATLASSIAN_TOKEN",
    "LINEAR_KEY",
    "NOTION_TOKEN",
    "DOPPLER_TOKEN",
    "NEWRELIC_KEY",
    "PLANETSCALE_TOKEN",
    "POSTMAN_KEY",
    "RUBYGEMS_TOKEN",
    "FLY_TOKEN",
    "TAILSCALE_KEY",
    "GROQ_KEY",
    "XAI_KEY",
    "AGE_KEY",
    "CLOUDFLARE_TOKEN",
    "SENTRY_TOKEN",
    "ONEPASSWORD_TOKEN",
    "GENERIC_SECRET",
    "PASSWORD",
];
