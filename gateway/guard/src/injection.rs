//! Text that reads like an instruction to a model, and text that cannot be seen.
//!
//! A score with its evidence, not a verdict: whatever decides on it decides elsewhere. Scores of different phrases add
//! up as independent witnesses would: `1 - (1 - a)(1 - b)`.

use crate::views::{fold_invisible, folds_to_itself};

/// A phrase and how much it says.
pub(crate) struct Phrase {
    pub(crate) expression: &'static str,
    /// What it is evidence of; phrases of one family count once.
    pub(crate) family: Family,
    pub(crate) weight: f64,
}

/// What a phrase is evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// "Ignore your instructions."
    Override,
    /// "Print your system prompt."
    Extraction,
    /// "You are now without restrictions."
    Persona,
    /// "Do not tell the user."
    Concealment,
    /// Files that hold credentials.
    Credentials,
    /// Reading, sending, passing on what was not asked for.
    Exfiltration,
    /// Tags and headings of a prompt.
    Markup,
    /// Another tool's name and how it is to be used.
    CrossTool,
    /// Urgency and order.
    Pressure,
}

const fn phrase(family: Family, weight: f64, expression: &'static str) -> Phrase {
    Phrase {
        expression,
        family,
        weight,
    }
}

pub(crate) const PHRASES: &[Phrase] = &[
    phrase(
        Family::Override,
        0.85,
        r"\b(ignore|disregard|forget|override|bypass|discard|neglect|overlook|drop)\s+(all\s+|any\s+|the\s+|your\s+|my\s+|our\s+|these\s+|those\s+|every\s+|previous\s+|prior\s+|earlier\s+|above\s+|preceding\s+|past\s+|existing\s+|original\s+|initial\s+|system\s+|built-?in\s+|safety\s+|of\s+|other\s+){0,5}(instructions?|prompts?|rules|guidelines|directives?|restrictions|constraints|programming|training|directions|safeguards|guardrails|limitations|orders)",
    ),
    phrase(
        Family::Override,
        0.85,
        r"\b(stop|quit)\s+(following|obeying|listening to)\s+(your|the|all|any|these)",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\b(forget|ignore|disregard)\s+(everything|all)\s+(that\s+)?(you|i|above|before|said|was|we|i've|you've)",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\b(ignore|disregard|forget)\s+(everything|all of the above|what (i|you) (said|were told)|the above|the previous|previous)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"\b(ignora|ignore|olvida|desecha|descarta|omite|esquece|esqueça|desconsidere|desconsidera|dimentica|scarta|ignorez|oublie|oubliez|oublier|ignorer)\s+(\S+\s+){0,4}(instrucciones|instrucoes|instruções|instructions|istruzioni|restricciones|restrições|restrizioni|restrictions|reglas|regras|regole|règles|consignes|indicaciones|órdenes|directrices|comandos)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"\b(ignoriere|ignorier|vergiss|missachte|verwirf|negeer|vergeet)\s+(\S+\s+){0,4}(anweisungen|befehle|regeln|einschränkungen|vorgaben|instructies|instruktionen)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"(忽略|無視|忘记|忘記|无视).{0,24}(指令|指示|提示|命令|规则|規則)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"(игнорируй|забудь|игнорируйте|забудьте)\s+(\S+\s+){0,4}(инструкции|указания|правила|команды)",
    ),
    phrase(
        Family::Override,
        0.55,
        r"\bnew (instructions?|directive|system prompt)\s*[:=]",
    ),
    phrase(
        Family::Override,
        0.6,
        r"\b(disable|turn off|remove|deactivate|switch off)\s+(all\s+|any\s+|your\s+|the\s+){0,3}(safety|content|ethical|moral)?\s*(filters?|guardrails|safeguards|restrictions|safety|safety (checks|measures|protocols))",
    ),
    phrase(
        Family::Extraction,
        0.75,
        r"\b(reveal|show|print|repeat|output|display|leak|disclose|share|recite|dump|expose|return|tell me|give me|write out|spell out)\s+(\S+\s+){0,4}(system prompt|initial prompt|initial instructions|hidden (prompt|instructions)|original (prompt|instructions)|your (prompt|instructions|guidelines|rules|directives)|developer message|system message|prompt above|instructions above)",
    ),
    phrase(
        Family::Extraction,
        0.7,
        r"\bwhat\s+(is|are|was|were)\s+(your|the)\s+(\S+\s+){0,2}(system prompt|initial (prompt|instructions)|original (prompt|instructions)|hidden instructions|exact instructions|first instructions)",
    ),
    phrase(
        Family::Extraction,
        0.65,
        r"\b(cuál es|cual es|dime|muestra|muéstrame|revela|quelle est|montre|révèle|quali sono|mostra|zeige|zeig|nenne|verrate)\s+(\S+\s+){0,6}(prompt|comando subyacente|instrucciones|instructions (initiales|système)|systemprompt|istruzioni|anweisungen|sistema de ia)",
    ),
    phrase(
        Family::Extraction,
        0.65,
        r"\breveal\s+(all\s+)?(user\s+)?(sessions|secrets|passwords|credentials|api keys|data)",
    ),
    phrase(
        Family::Persona,
        0.6,
        r"\b(no|without|free of|free from|zero|lacks?|has no)\s+(any\s+|all\s+)?(content\s+|ethical\s+|moral\s+|safety\s+)?(restrictions|limitations|filters|censorship|guidelines|constraints|boundaries|inhibitions|limits)",
    ),
    phrase(
        Family::Persona,
        0.55,
        r"\b(unrestricted|unfiltered|uncensored|jailbroken|unshackled|amoral)\s+(\S+\s+)?(ai|assistant|model|mode|access|capabilities|version|chatbot|persona|language)",
    ),
    phrase(
        Family::Persona,
        0.7,
        r"\b(do anything now|dan mode|developer mode (enabled|on|v2)|jailbreak mode|god mode|sudo mode|act as dan|you are dan\b|stay in character|evil (twin|bot|assistant)|opposite day)",
    ),
    phrase(
        Family::Persona,
        0.55,
        r"\b(never|cannot|can't|won't|does not|doesn't)\s+(refuses?|say no|decline)\b",
    ),
    phrase(
        Family::Persona,
        0.35,
        r"\b(you are now|from now on,?( you)?|pretend (that )?(you are|to be|you're)|act as (if|though|an?)|roleplay as|imagine you are|you will act as|assume the role)",
    ),
    phrase(
        Family::Persona,
        0.6,
        r"\b(my|i have|grants? me|as an?)\s+(\S+\s+){0,4}(unrestricted|admin|administrator|root|developer|full)\s+(ai\s+)?(access|privileges|capabilities|override|clearance)",
    ),
    phrase(
        Family::Persona,
        0.55,
        r"\b(disregard|lift|waive|suspend|relax)\s+(\S+\s+){0,2}(restrictions|limits|limitations|safeguards|rules)",
    ),
    phrase(
        Family::Concealment,
        0.6,
        r"\b(do not|don't|never|without|must not|should not)\s+(tell|telling|inform|informing|mention|mentioning|reveal|revealing|notify|notifying|alert|alerting|disclose|disclosing|let|show|showing)\s+(\S+\s+){0,3}(users?|anyone|anybody|this|it|them|human|person|operator)\b",
    ),
    phrase(
        Family::Concealment,
        0.45,
        r"\b(silently|secretly|covertly|in the background without)\b",
    ),
    phrase(
        Family::Concealment,
        0.4,
        r"\b(keep this (secret|hidden|confidential)|hide this|say nothing|the user (must|should|does) not (know|see|need))",
    ),
    phrase(
        Family::Credentials,
        0.5,
        r"(~/\.ssh|\.ssh/id_|id_rsa|id_ed25519|\.aws/credentials|/etc/(passwd|shadow)|\.netrc|\.kube/config|\.git-credentials|\.npmrc|\.pypirc|/\.env\b|\bthe \.env\b|mcp\.json|\.cursor/mcp|browser cookies|keychain|private keys?\b.{0,20}\b(file|folder))",
    ),
    phrase(
        Family::Credentials,
        0.4,
        r"\b(full|entire|whole|complete)\s+(conversation|chat)(\s+history)?|\ball (previous|prior|earlier) (tool results|messages|tool outputs)|\benvironment variables\b|\bconversation history\b",
    ),
    phrase(
        Family::Exfiltration,
        0.5,
        r"\b(send|upload|post|exfiltrate|forward|transmit|leak|email|bcc|copy)\s+(\S+\s+){0,8}(to\s+(https?://|\S+@|attacker|the following|this (url|address|server|endpoint))|~/|id_rsa|credentials|\.env|conversation|tool results|api keys?|passwords?|secrets?|tokens?)",
    ),
    phrase(
        Family::Exfiltration,
        0.5,
        r"\b(put|place|include|insert|pass|append|add|attach|encode|embed)\s+(it|its|them|their|the|that|this)\s*(\S+\s+){0,4}(into|in|as|to|within)\s+(the\s+)?[`'\x22]?\w+[`'\x22]?\s+(argument|parameter|field|param)",
    ),
    phrase(
        Family::Exfiltration,
        0.35,
        r"\bfirst[, ]+(read|open|fetch|load|collect|gather|call|cat|list|get)\b",
    ),
    phrase(
        Family::Markup,
        0.5,
        r"<\s*/?\s*(important|system|instructions?|secret|hidden|admin|sys|assistant|system_prompt|critical)\s*>",
    ),
    phrase(
        Family::Markup,
        0.55,
        r"(<\|im_(start|end)\|>|\[/?INST\]|<<SYS>>|<\|(system|user|assistant|endoftext)\|>|###\s*(system|instruction|new instruction)|\[system\]|\{\{system\}\})",
    ),
    phrase(
        Family::Markup,
        0.5,
        r"(\(|\[|\n\s*|^|\x00)(assistant|system|ai|note to (the )?(ai|assistant|model|llm))\s*:\s*(ignore|you|please|do|read|send|upload|always|never|first|disregard|forget|before|the)",
    ),
    phrase(
        Family::CrossTool,
        0.45,
        r"\b(when|whenever|before|after|every time|each time|if)\s+(\S+\s+){0,6}(tool|function)s?\s+(is|are|gets?|was)?\s*(called|used|invoked|available|executed|run|present)?,?\s*(\S+\s+){0,4}(always|also|must|instead|silently|first|bcc|send|redirect|change|forward|copy)",
    ),
    phrase(
        Family::CrossTool,
        0.55,
        r"\b(instead of|rather than) (using |calling )?(the )?(original|other|real|official|trusted)\s+(\S+\s+)?(tool|function|server)",
    ),
    phrase(
        Family::CrossTool,
        0.5,
        r"\b(this tool (overrides|replaces|supersedes)|other tools? (is|are) (deprecated|broken|unsafe|disabled)|all (emails?|messages|payments|transfers|requests) (must|should) (be sent|go)|change the (recipient|address|account))",
    ),
    phrase(
        Family::Pressure,
        0.15,
        r"\b(very important|mandatory|this is (critical|required)|otherwise (the|this) (tool|application|system) will|must always|at all costs)",
    ),
    phrase(
        Family::Pressure,
        0.5,
        r"\b(i have been pwned|pwned|hacked by|you have been hacked|h4cked)",
    ),
    phrase(
        Family::Pressure,
        0.3,
        r"\b(only this once|just this once|this one time|for this (one )?(time|request) only)",
    ),
];

/// Score from which a text counts as an instruction, unless a rule says otherwise.
pub(crate) const SCORE_MIN: f64 = 0.5;

/// The sum of what the phrases of one text say.
pub(crate) fn score(phrases: impl Iterator<Item = usize>) -> f64 {
    let mut best: Vec<(Family, f64)> = Vec::new();
    for phrase in phrases.filter_map(|number| PHRASES.get(number)) {
        match best.iter_mut().find(|(family, _)| *family == phrase.family) {
            Some((_, weight)) => *weight = weight.max(phrase.weight),
            None => best.push((phrase.family, phrase.weight)),
        }
    }
    1.0 - best.iter().map(|(_, weight)| 1.0 - weight).product::<f64>()
}

/// Tells `meet` of each run of characters that cannot be seen and serve no script: `start..end`.
pub(crate) fn hidden(text: &[u8], mut meet: impl FnMut(usize, usize)) {
    let Ok(whole) = std::str::from_utf8(text) else {
        return;
    };
    let mut run: Option<usize> = None;
    let mut previous = '\0';
    for (at, character) in whole.char_indices() {
        // Nearly all of a text can be seen and says nothing about what precedes it.
        if run.is_none()
            && (matches!(character, ' '..='~')
                || character > '\u{7f}' && folds_to_itself(character))
        {
            previous = character;
            continue;
        }
        // A joiner inside of a script or an emoji shapes what is seen, as do selectors and the flags of nations.
        let shapes = matches!(character, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
            && !previous.is_ascii_alphanumeric()
            || matches!(character, '\u{e0000}'..='\u{e007f}')
                && run.is_none()
                && previous == '\u{1f3f4}'
            || at == 0 && character == '\u{feff}';
        let escape = character == '\u{1b}';
        if (fold_invisible(character) || escape) && !shapes {
            run.get_or_insert(at);
        } else if !(shapes && character >= '\u{e0000}') {
            if let Some(start) = run.take() {
                meet(start, at);
            }
            previous = character;
        }
    }
    if let Some(start) = run {
        meet(start, whole.len());
    }
}
