"""Words by which people ask for a kind of task, whatever it is about: what the category model is told besides the words
themselves. It learns how much each is worth; a thousand turns are too few to learn the words of ten languages too."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FORMATS = (
    "json|yaml|toml|csv|xml|html|markdown|latex|pdf|sql|python|rust|go|java|kotlin|swift|typescript|javascript|"
    r"c\+\+|bash"
)
_TONGUES = "german|french|spanish|italian|japanese|chinese|portuguese|russian|english|polish|dutch|korean"

_ENGLISH = (
    (
        "summarise",
        r"summar|tl;?dr|gist|recap|digest|condens|abstract (?:of|out|for)|overview|key (?:points|facts)|"
        r"main points|takeaways?|highlights|boil|nutshell|shorten|"
        r"in (?:a few|two|three|five|\d+) (?:lines|sentences|bullets|words)|short version|briefly|"
        r"what (?:happened|changed|is new)",
    ),
    (
        "classify",
        r"classif|categor|labels?\b|tag\b|triage|sentiment|spam|toxic|group .{0,60} (?:by|into)|"
        r"sort .{0,60} into|put .{0,60} into|buckets?|which (?:kind|type|class|language)|assign|detect|"
        r"flag (?:the|all|which)|mark (?:which|each|all)|yes or no|is (?:it|this|each).{0,60} or \w+",
    ),
    (
        "convert",
        rf"convert|translat|port\b|transform|re-?format|migrat|turn .{{0,60}} into|"
        rf"rewrite .{{0,60}} (?:in|as|to)\b|extract .{{0,60}} (?:from|as)|from .{{0,60}} (?:in)?to\b|"
        rf"parse .{{0,60}} into|export .{{0,60}} as|transpile|(?:to|into|in|as) (?:{_FORMATS}|{_TONGUES})\b",
    ),
    (
        "review",
        r"review|audit|feedback|critici|critique|look (?:over|at)|check (?!out|spelling|the spelling)|"
        r"verify|double-?check|point out|assess|inspect|any (?:problems|issues|bugs|mistakes|concerns)|"
        r"what do you think|your opinion|"
        r"is (?:this|it|my) .{0,60}(?:correct|ok|okay|safe|idiomatic|right)|vulnerab|before (?:i|we) merge",
    ),
    (
        "proofread",
        r"proof-?read|typos?|grammar|grammatical|spell|punctuation|polish|wording|re-?phrase|reword|"
        r"copy-?edit|tone|sentences?\b|commas?\b|correct my|sounds? (?:right|natural|better|polite)|"
        r"clarity|concis|more (?:formal|polite|friendly)|style of",
    ),
    (
        "choose",
        r"which (?:one|is better|of|would|should)|better|should (?:i|we)\b|compar|recommend|prefer|pick\b|"
        r"choose|select\b|decide|ranks?\b|options?\b|versus|vs\b|pros and cons|worth|"
        r"best (?:of|option|choice)|either|rather",
    ),
    (
        "debug",
        r"errors?\b|fail|crash|bugs?\b|fix\b|broken|exception|traceback|"
        r"(?:does not|doesn't|don't|not|no longer) work|hangs?\b|leak|"
        r"why (?:does|is|do|am|are) .{0,60}(?:fail|crash|hang|slow|wrong|not|return|error)|wrong|"
        r"investigat|track .{0,60}down|regression|flaky|timeout|diagnos|troubleshoot|segfault|"
        r"segmentation|undefined|expected|find out why|stack ?trace|memory|deadlock|stuck|"
        r"since (?:i|we|the|yesterday|upgrad)",
    ),
    (
        "implement",
        r"implement|add\b|creat|build\b|write (?:a|an|me|the|unit|some|tests?)|feature|support\b|generate|"
        r"make (?:it|the|a|me)|extend|scaffold|integrat|set up|hook .{0,60} up|develop|code (?:a|up)|wire|"
        r"allow users|we need|endpoint|component",
    ),
    (
        "refactor",
        r"refactor|rename|clean .{0,60}up|clean-?up|split|simplif|dedup|tidy|restructur|reorgani|move\b|"
        r"dead code|behaviou?r|readab|modernis|moderniz|inline\b|decouple|replace .{0,60} (?:with|by)|"
        r"extract .{0,60} (?:into|to)\b|duplicat|unused|nested|remove|smaller|"
        r"into (?:its own|separate|several)",
    ),
    (
        "design",
        r"design|architect|structure\b|propos|plan\b|schema for|rfc|trade-?offs?|strateg|sketch|"
        r"components|data model|roadmap|outline|blueprint|lay .{0,60}out|layout|"
        r"how (?:should|would|could) (?:we|i|you)|approach (?:for|to)|scal|from scratch|milestones|draft",
    ),
    (
        "reason",
        r"prov(?:e|ing)\b|proof|deriv|calculat|comput(?:e|ation)|probab|complexity|step by step|solv|"
        r"how (?:many|much|long)|estimat|deduc|puzzle|counter-?example|equation|work out|optim(?:al|um)|"
        r"theorem|invariant|given (?:that|these|the)|steps\b|maximum|minimum|expected (?:value|cost)|"
        r"assum|argue|logic|reason",
    ),
    (
        "explain",
        r"explain|what(?:'s| is| are| does| do)\b|how (?:does|do|is)\b|where (?:is|are|do|does)|"
        r"difference|walk me|understand|teach|who (?:calls|uses|owns)|mean(?:s|ing)?\b|"
        r"tell me (?:about|how|why)|show me how|describe|is there (?:already|a|any)|which files?|"
        r"when (?:is|does)|purpose",
    ),
    (
        "operate",
        r"run\b|commit|push|pull\b|merge|branch|install|starts?\b|stop\b|restart|deploy|delete|list\b|"
        r"bump|open (?:a|the) p|git\b|npm\b|docker|check ?out|release|tag (?:it|the|v)|kill|execute|"
        r"launch|stash|rebase|upgrade|download|version",
    ),
    (
        "talk",
        r"yes|yep|yeah|ok(?:ay)?|sure|thanks?|thank you|great|perfect|continue|go (?:on|ahead)|keep going|"
        r"proceed|hi|hello|hey|no\b|nope|stop|sounds good|looks good|lgtm|again|retry|next|never mind|"
        r"forget it|skip|i see|understood|got it|good (?:morning|night)|bye|fine|nice|cool|please do|do it",
    ),
)

_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "summarise": (
        r"zusammenfass|fass\w* .{0,60}zusammen|kurzfassung|überblick|résum|synthèse|resum|sintetiz|riassun|"
        r"кратк|перескаж|резюм",
        "总结|概括|摘要|要約|まとめ|要点|요약",
    ),
    "classify": (
        r"klassifizier|kategori|ordne|einordn|einsortier|sortiere|classe[rz]?\b|classifi|catégor|étiquet|clasific|etiquet|"
        r"categoriz|классифиц|категор|отсортируй|разбей",
        "分类|分成|归类|标签|分類|仕分け|분류",
    ),
    "convert": (
        r"übersetz|wandle|umwandel|konvertier|schreib\w* .{0,60} um\b|tradui|convertis|traduc|traduz|pasa .{0,60} a\b|"
        r"conviert|tradur|converti|перевед|преобраз|конверт",
        "翻译|转成|转换|改写成|改成|訳|変換|번역",
    ),
    "review": (
        r"prüf|überprüf|schau .{0,60}(?:über|an)\b|durchsehen|relec|reli[st]|vérifi|revis|échale|échame|rivedi|controlla|"
        r"провер|посмотри|ревью",
        "审查|检查|看看|review|レビュー|確認して|見て|검토",
    ),
    "proofread": (
        r"korrigier|rechtschreib|grammatik|lektor|formulier|tippfehler|höflicher|freundlicher|corrige|orthograph|reformul|"
        r"fautes|ortograf|gramát|gramat|redacci|corrija|correggi|исправь|орфограф|переформулир|опечат",
        "润色|语法|错别字|措辞|校正|添削|自然な|文法|교정",
    ),
    "choose": (
        r"soll (?:ich|man)|sollen wir|besser|empf[ie]{1,2}hl|lieber|lequel|laquelle|vaut-il|mieux|conseill|cuál|qué .{0,60}"
        r"(?:recomiend|mejor)|mejor|recomiend|recomend|qual (?:é|o|a)|melhor|meglio|consigli|лучше|выбрать|посоветуй",
        "还是|哪个|哪种|选|推荐|どちら|どっち|おすすめ|추천",
    ),
    "debug": (
        r"fehler|funktioniert nicht|kaputt|stürzt|häng|schlägt .{0,60}fehl|geht nicht|lädt nicht|warum|erreur|"
        r"(?:marche|fonctionne) (?:pas|plus)|ne .{0,60} plus|plante|pourquoi|no (?:me )?(?:funciona|devuelve|carga)|por qué|"
        r"erro\b|falla|não funciona|non (?:funziona|parte)|errore|не работает|ошибк|пада|почему|вылет",
        "报错|错误|失败|崩溃|为什么|超时|不工作|出错|エラー|動かない|なぜ|バグ|落ちる|오류",
    ),
    "implement": (
        r"füge|hinzufüg|erstell|schreibe?\b|bau(?:e|t)?\b|ergänz|implementier|ajout|écri[st]|crée|implément|añad|agreg|"
        r"crea\b|escrib|adicion|escrev|crie\b|aggiung|scriv|добав|напиши|создай|реализ",
        "添加|实现|写一个|加上|增加|新增|作って|追加|実装|書いて|추가|구현",
    ),
    "refactor": (
        r"refaktor|aufräum|räum|umbenenn|benenne|vereinfach|aufteil|teile|refactoris|nettoi|simplifi|renomm|refactoriz|"
        r"limpia|renombr|divide|refator|rifattor|semplific|отрефактор|упрост|убери|переимен|вынес",
        "重构|整理|简化|提取|重命名|拆分|リファクタ|分割|리팩",
    ),
    "design": (
        r"entw[iue]rf|architektur|konzept|plane?\b|conçoi|concev|propose|conception|diseñ|arquitectura|propón|planific|"
        r"projete|arquitetura|progett|architettura|спроектир|архитектур|план|концепц",
        "设计|架构|方案|规划|設計|アーキテクチャ|構成案|설계",
    ),
    "reason": (
        r"beweis|berechn|wahrscheinlich|wie (?:viele?|groß|lange)|komplexit|démontr|prouv|calcul|combien|probabilit|demuestr|"
        r"cuánt|probabilid|prove que|quantos|calcol|dimostra|докаж|посчита|вычисли|вероятност|сколько",
        "证明|计算|推理|复杂度|概率|多少|証明|計算|確率|증명",
    ),
    "explain": (
        r"erklär|was (?:macht|ist|bedeutet|heißt)|wo (?:wird|ist|steht)|wie funktioniert|expliqu|qu'est-ce|à quoi|"
        r"comment (?:fonctionne|marche)|explic|explíc|qué (?:hace|es|significa)|dónde|cómo|o que (?:é|faz)|"
        r"cosa (?:fa|è|significa)|spiega|объясн|что (?:такое|делает|значит)|где|зачем",
        "解释|什么意思|是什么|怎么用|做什么|在哪|説明|何ですか|教えて|意味|설명",
    ),
    "operate": (
        r"starte\b|führ\w* .{0,60}aus\b|installier|committe|pushe|lance\b|exécut|fais un commit|installe|ejecuta|instala|"
        r"haz (?:un )?(?:commit|push)|rode\b|esegui|запусти|закоммит|установи|запушь|собери",
        "运行|提交|执行|安装|部署|启动|実行|コミット|インストール|デプロイ|起動|실행",
    ),
    "talk": (
        r"ja\b|nein|danke|weiter|oui|non\b|merci|sí\b|gracias|sigue|vale\b|sim\b|obrigad|grazie|да\b|нет\b|спасибо|продолж|"
        r"super\b|genau|d'accord|perfecto",
        "好的|谢谢|继续|是的|不用|はい|ありがとう|続けて|いいえ|お願い|네",
    ),
}
"""The same in German, French, Spanish, Portuguese, Italian and Russian; and in scripts without spaces between words."""

CUES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (f"@{name}", re.compile(rf"\b(?:{words}|{_ELSEWHERE[name][0]})|{_ELSEWHERE[name][1]}")) for name, words in _ENGLISH
)
