//! Phrases that instructions to a model have and other texts have not, as a rule.

/// A phrase and how much it says.
pub(crate) struct Phrase {
    expression: &'static str,
    /// What it is evidence of; phrases of one family count once.
    pub(super) family: Family,
    pub(super) weight: f64,
}

/// What a phrase is evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
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
    /// Nobody is to be asked: "the user has already agreed."
    Consent,
    /// A model is spoken to: "note to the AI".
    Address,
    /// What cannot be seen and says something.
    Hidden,
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
        r"\b(ignore|disregard|forget)\s+(everything|all of the above|what (i|you) (said|were told)|the above|(the )?previous\s*([.,;:!\n]|and|text|context|conversation|content|task))",
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
        r"(指示|命令|プロンプト|ルール|指令|规则).{0,24}(無視|忘れ|无视|忽略)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"(지시|명령|규칙|지침|프롬프트).{0,24}(무시|잊어)",
    ),
    // The engine folds the case of ASCII alone, and a border is of ASCII too.
    phrase(
        Family::Override,
        0.8,
        r"(гнорируй|гноруй|абудь)\S*\s+(\S+\s+){0,4}(инструкци|указани|правила|команды|інструкці|вказівки)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"(تجاهل|انس)\S*\s+(\S+\s+){0,3}\S*(تعليمات|أوامر|قواعد|توجيهات)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"(निर्देश|नियम|आदेश)\S*\s+(\S+\s+){0,3}(अनदेखा|नज़रअंदाज़|नजरअंदाज|भूल)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"\b(zignoruj|ignoruj|pomiń|zapomnij|zapomeň)\S*\s+(\S+\s+){0,4}(polece|instrukc|zasad|reguł|wytyczn|pokyny|pravidla)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"\b(talimat|komut|kural)\S*\s+(\S+\s+){0,2}(yok say|unut|görmezden gel|dikkate alma)",
    ),
    phrase(
        Family::Override,
        0.8,
        r"\b(bỏ qua|phớt lờ|quên|abaikan|lupakan|ignorera|glöm|ignorer|glem|ignoră|unohda|ohita)\s+(\S+\s+){0,4}(hướng dẫn|chỉ dẫn|lệnh|quy tắc|instruksi|perintah|aturan|instruktion|instruksjon|instrucțiuni|regler|ohje|määräy)",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\b(previous|prior|earlier|above|former)\s+(\S+\s+){0,2}(rules|instructions|prompts?|guidelines|directives)\s+(are|is|were)\s+(now\s+)?(void|null|obsolete|cancell?ed|revoked|superseded|no longer)",
    ),
    phrase(Family::Override, 0.6, r"\bsystem override\b"),
    phrase(
        Family::Override,
        0.45,
        r"\b(the|your) (task|goal|objective|mission) (has|have) (now )?changed\b",
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
        0.7,
        r"\b(encode|translate|summari[sz]e|paraphrase|rephrase)\s+(your|the)\s+(initial|system|original|hidden|first)\s+(prompt|instructions|message)",
    ),
    phrase(
        Family::Extraction,
        0.7,
        r"\b(repeat\s+(\S+\s+){0,3}(words|text|everything|lines|message) above|(words|text|lines) above starting with|(lines|words|text|messages?|instructions) (that )?you (received|were given|got) (before|prior|at the))",
    ),
    phrase(
        Family::Extraction,
        0.65,
        r"\b(all|any|every|the) (\S+\s+)?(tokens?|secrets?|passwords?|credentials|api keys|keys) (that )?you (can|could|have|know|hold)\b",
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
        r"\b(do anything now|dan mode|developer mode (enabled|v2)|jailbreak mode|god mode|sudo mode|act as dan|you are dan\b|stay in character|evil (twin|bot|assistant)|opposite day)",
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
        0.6,
        r"\b(hide|conceal|keep)\s+(\S+\s+){0,4}from the user\b",
    ),
    phrase(
        Family::Concealment,
        0.45,
        r"\b(must|should|may|shall|is to) (not|never) be (mentioned|told|disclosed|informed|revealed|shown)\b|\bkeep this \S+ (hidden|secret)\b",
    ),
    phrase(
        Family::Concealment,
        0.5,
        r"\b(nutzer|benutzer|anwender)\S*\s+(\S+\s+){0,3}nichts?\s+(davon\s+)?(informieren|mitteilen|erwähnen|sagen|erzählen|zeigen|verraten)",
    ),
    phrase(
        Family::Concealment,
        0.5,
        r"\bno (se )?(lo|le|la) (digas|diga|menciones|mencione|cuentes|reveles)\b|\bne (le |la |les |l')?(dis|dites|mentionne|mentionnez|révèle|révélez|informe|informez) (pas|rien)|\bnão (conte|diga|mencione|informe|revele)\b|\bnon (dirlo|menzionare|rivelare|informare)\b",
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
        0.45,
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
        Family::Credentials,
        0.35,
        r"\b(contents?|file|inhalt|datei|fichier|archivo|contenido|contenu)\s+(\S+\s+){0,2}[`'\x22]?\.env\b",
    ),
    phrase(
        Family::Exfiltration,
        0.35,
        r"\b(feld|parameter|argument|paramètre|parámetro|champ|campo)\s+[`'\x22]\w+[`'\x22]",
    ),
    phrase(
        Family::Exfiltration,
        0.35,
        r"\bfirst[, ]+(read|open|fetch|load|collect|gather|call|cat|list|get)\b",
    ),
    phrase(
        Family::Markup,
        0.5,
        r"<\s*/?\s*(important|system|instructions?|admin|sys|assistant|system_prompt|critical)\s*>",
    ),
    phrase(
        Family::Markup,
        0.35,
        r"(<\s*/?\s*(secret|hidden)\s*>|<\|endoftext\|>)",
    ),
    phrase(
        Family::Markup,
        0.55,
        r"(<\|im_(start|end)\|>|\[/?INST\]|<<SYS>>|<\|(system|user|assistant)\|>|###\s*(system|instruction|new instruction)|\[system\]|\{\{system\}\})",
    ),
    phrase(
        Family::Markup,
        0.5,
        r"(\(|\[|\n\s*|^|\x00)(assistant|system|ai|note to (the )?(ai|assistant|model|llm))\s*:\s*(silently|secretly|ignore|you|please|do|read|send|upload|always|never|first|disregard|forget|before|the)",
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
    phrase(
        Family::Exfiltration,
        0.4,
        r"\b(curl|wget)\s+[^|]{1,120}\|\s*(sudo\s+)?(ba|z)?sh\b",
    ),
    phrase(
        Family::Pressure,
        0.35,
        r"\b(skip|bypass|omit|suppress) (the|any|all) (\S+\s+)?(confirmation|approval|permission|consent)s?\b",
    ),
    phrase(
        Family::Pressure,
        0.4,
        r"\b(with|using|in) your (\S+\s+)?(shell|terminal|bash|command|execution|email|mail|browser) (tool|access)\b|\b(reply|respond|answer) only with (a |the )?(link|word|phrase|url)",
    ),
    phrase(
        Family::Consent,
        0.45,
        r"\b(user|customer|owner|operator|human|admin)\s+(has\s+|have\s+)?already\s+(\S+\s+)?(granted|given|approved|consented|authori[sz]ed|confirmed|agreed|allowed)\b",
    ),
    phrase(
        Family::Consent,
        0.4,
        r"\b(never|do not|don't|without) (ask|asking|request|requesting|seek|seeking|wait|waiting) (\S+\s+){0,3}(for )?(\S+\s+)?(confirmation|permission|approval|consent)\b|\b(confirmation|approval|permission) (from|of|by) (the )?user is not (needed|required|necessary)",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\bif you(\s+are|'re)\s+(an?\s+)?(ai|llm|language model|large language model|chatbot|ai (assistant|agent|model))\b",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\b(note|message|instructions?|hinweis|wichtig)\s+(to|for|für)\s+(the |all |any |das |die |den )?(ai|llm|language model|ki|modell|assistant)\b",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\battention,? (ai|llm|agent|assistant|model|language model|chatbot)s?\b",
    ),
    phrase(
        Family::Address,
        0.6,
        r"\bi am (the|your) (\S+\s+)?(developer|creator|engineer|owner|administrator) who (trained|created|built|made|programmed) you",
    ),
    phrase(Family::Hidden, 0.6, r"(\xf3\xa0[\x80\x81][\x80-\xbf]){12,}"),
    phrase(
        Family::Hidden,
        0.6,
        r"(\xe2\x80[\x8b-\x8f]|\xe2\x81[\xa0-\xa4]|\xef\xbb\xbf){16,}",
    ),
    phrase(
        Family::Extraction,
        0.7,
        r"\byour (\S+\s+)?(system|internal|secret|core|base|hidden|initial)\s+(prompt|instructions|guidelines|directives|configuration|parameters)\b",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\b(pretend\s+(\S+\s+){0,4}(instructions|rules|guidelines|prompt)|forget (that )?you are|important new instructions)\b",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\b(ignora|olvida|ignorez|oublie|oubliez|vergiss|ignoriere|esqueça|dimentica)\s+(todo|tout|alles|tudo|tutto)\b",
    ),
    phrase(
        Family::Override,
        0.6,
        r"\b(bypass|circumvent|evade|get around)\s+(your|all|the|any)?\s*(safety|content|ethical|moderation)\s+(filters?|measures|guidelines|policies|protocols|rules|checks|training)",
    ),
    phrase(
        Family::Override,
        0.55,
        r"\b(system|admin|root)\s*(command|override|message)?\s*:\s*(output|display|print|reveal|show|disable|ignore|grant|enter)\s+(\S+\s+){0,3}(prompt|configuration|instructions|guidelines|restrictions|safety|access)",
    ),
    phrase(
        Family::Persona,
        0.45,
        r"\b(access|enable|enter|activate|switch to|unlock)\s+(the\s+)?(developer|debug|admin|god|dan|jailbreak|unrestricted)\s+mode\b",
    ),
    phrase(
        Family::Persona,
        0.45,
        r"\bwithout\s+(any |the |all |external |moral |ethical |or |safety ){0,5}(rules|considerations|oversight|safety|censoring|filter|wrapper)\b",
    ),
    phrase(
        Family::Concealment,
        0.5,
        r"\bif\s+(the\s+)?(user|anyone|anybody|somebody|someone|human)\s+asks\b.{0,60}\b(say|answer|reply|tell|claim|pretend|respond)\b",
    ),
    phrase(
        Family::Concealment,
        0.45,
        r"\b(do not|don't|never) (reveal|disclose|mention)( this| it)?\s*[-.!<)\x00]",
    ),
    phrase(
        Family::Exfiltration,
        0.45,
        r"\b(pass|exfiltrate|attach|include|put)\s+(the\s+)?[`'\x22]?(~/|/etc/|\.env\b|\.ssh|\.aws)",
    ),
    phrase(
        Family::Markup,
        0.45,
        r"<!--\s*(hidden|instructions?|system|secret|note to|ai|assistant|model)\b",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\b(when|if) an? (ai|llm|language model|model|bot|assistant)\s+(\S+\s+)?(evaluates|reads|reviews|summari[sz]es|processes|parses|screens|sees)\b",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\b(assistant|ai|language model|llm)s?\s+(should|must|will|shall|has to|needs? to)\s+(\S+\s+){0,4}(pretend|execute|ask the user for|pass|send|call|hide|append)\b",
    ),
    phrase(
        Family::Address,
        0.5,
        r"\b((language models?|llms?|ai (agents?|assistants?|models?)|assistants?)\s*[:,]\s*(please\s+)?(rank|rate|ignore|add|call|send|open|read|before|stop|do not|you must)|ai (agents?|assistants?|models?) reading this)\b",
    ),
    phrase(
        Family::Override,
        0.7,
        r"\bignore what (your|the) (\S+\s+)?(owner|user|human|operator|customer)",
    ),
    phrase(
        Family::Override,
        0.45,
        r"\bnew system (message|prompt|instructions?)\b",
    ),
    phrase(Family::Override, 0.3, r"\boverride\s*:\s"),
    phrase(
        Family::Concealment,
        0.6,
        r"\b(hidden|secret|concealed) from the user\b",
    ),
    phrase(
        Family::Concealment,
        0.45,
        r"\b(hide|conceal)\s+(\S+\s+){1,6}the user\b",
    ),
    phrase(
        Family::CrossTool,
        0.45,
        r"\b(do not|don't|never) use (any )?other (\S+\s+)?tools?\b",
    ),
    phrase(
        Family::CrossTool,
        0.55,
        r"\binstead of \S+[._]\S+ always (call|use)\b",
    ),
    phrase(
        Family::Consent,
        0.4,
        r"\b(user|owner|admin|operator|customer) has authori[sz]ed\b|\bwithout asking the (user|buyer|customer|owner|human|operator)\b",
    ),
    phrase(
        Family::Pressure,
        0.3,
        r"\b(stop your task|from here on|step is mandatory)\b",
    ),
];

impl Phrase {
    /// The expression as the engine takes it: a phrase does not reach into another text, and texts are parted by NUL.
    pub(crate) fn within_text(&self) -> String {
        let within = self.expression.replace(r"\S", r"[^\s\x00]");
        let within = within.replace(".{", r"[^\x00\n]{");
        within.replace("[^|]", r"[^|\x00\n]")
    }
}
