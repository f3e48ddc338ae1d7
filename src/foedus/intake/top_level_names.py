"""Which last labels make a dotted word in prose a domain name.

The list is compact on purpose: the generic names seen in use, those of brands and cities left out,
and every country code. A name below a top-level name missing here is still found when it stands in
a URL or is written defanged.

Some top-level names are also file extensions or words of programming languages; below those a
two-label name in prose is far more often a file.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EXTENSION_LIKE", "FILE_EXTENSIONS", "TOP_LEVEL_NAMES"]

_GENERIC: Final = (
    "com net org info biz name pro mobi aero asia cat coop edu gov int jobs mil museum post tel "
    "travel xxx arpa onion i2p bit academy accountant accountants actor agency ai app apps art "
    "associates audio auction autos baby band bank bar bargains beauty beer best bet bid bike "
    "bingo bio blog blue boats bond boutique broker build builders business buzz cab cafe camera "
    "camp capital care careers cars casa cash casino cc center chat cheap church city claims "
    "cleaning click clinic clothing cloud club codes coffee community company computer condos "
    "construction consulting contact contractors cooking cool country coupons courses credit "
    "creditcard cruises cyou dance date dating day deals degree delivery democrat dental design "
    "dev diamonds diet digital direct directory discount doctor dog domains download earth "
    "education email energy engineer engineering enterprises equipment estate events exchange "
    "expert exposed express fail faith family fans farm fashion feedback finance financial fish "
    "fit fitness flights florist fm football forex forsale foundation fun fund furniture futbol "
    "fyi gallery game games garden gdn gift gifts gives glass global gmbh gold golf graphics "
    "gratis green gripe group guide guru hair haus health healthcare help hiphop hockey holdings "
    "holiday homes horse hospital host hosting hotel house how icu immo immobilien inc industries "
    "ink institute insure international investments irish jetzt jewelry kim kitchen land lat law "
    "lawyer lease legal lgbt life lighting limited limo link live llc loan loans lol love ltd "
    "luxury makeup management market marketing markets mba media memorial men menu moda moe mom "
    "money monster mortgage moscow motorcycles mov movie navy network news ngo ninja observer one "
    "ong onl online ooo organic page partners parts party pet photo photography photos pics "
    "pictures pink pizza place plumbing plus poker porn press productions promo properties "
    "property pub pw qpon quest racing recipes red rehab reise reisen rent rentals repair report "
    "republican rest restaurant review reviews rich rip rocks rodeo run sale salon sbs school "
    "science security services sexy shoes shop shopping show singles site ski skin soccer social "
    "software solar solutions space sport storage store stream studio study style sucks supplies "
    "supply support surf surgery systems tattoo tax taxi team tech technology tennis theater "
    "theatre tienda tips tires today tokyo tools top tours town toys trade trading training tube "
    "university uno vacations ventures vet viajes video villas vin vip vision vodka vote voting "
    "voyage wang watch webcam website wedding wiki win wine work works world wtf xin xyz yachts "
    "yoga you zip zone example invalid test"
)
_COUNTRIES: Final = (
    "ac ad ae af ag al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt "
    "bw by bz ca cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er "
    "es et eu fi fj fk fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr "
    "ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li "
    "lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc "
    "ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt py qa re ro rs ru rw sa "
    "sb sc sd se sg sh si sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to "
    "tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw"
)
_OTHER_SCRIPTS: Final = (
    "xn--p1ai xn--fiqs8s xn--fiqz9s xn--j1amh xn--90ais xn--80asehdb xn--80aswg xn--55qx5d "
    "xn--io0a7i xn--3ds443g xn--czr694b xn--6frz82g xn--kprw13d xn--j6w193g xn--3e0b707e "
    "xn--mgbaam7a8h xn--mgberp4a5d4ar xn--mgba3a4f16a xn--wgbh1c xn--h2brj9c xn--90a3ac "
    "xn--d1acj3b xn--90ae xn--e1a4c xn--qxam xn--y9a3aq xn--node xn--80ao21a xn--l1acc"
)

TOP_LEVEL_NAMES: Final = frozenset(f"{_GENERIC} {_COUNTRIES} {_OTHER_SCRIPTS}".split())
"""Last labels, lower-case ASCII, that make a dotted word a domain name."""

_EXTENSION_LIKE: Final = "app cab call do inc md mk mov name pm ps py rs sh so test zip"
_EXTENSIONS: Final = (
    "7z apk bat bin bmp cmd conf csv dat dll doc docm docx elf exe gif gz hta htm html ico img ini "
    "iso jar jpeg jpg js json lnk log msi pdf php png ppt pptx ps1 rar rtf scr svg swf sys tar txt "
    "vbs war xls xlsm xlsx xml zip"
)

EXTENSION_LIKE: Final = frozenset(_EXTENSION_LIKE.split())
"""Last labels that are more often a file's or a program's than a domain's."""

FILE_EXTENSIONS: Final = frozenset(_EXTENSIONS.split())
"""Labels that, before an extension-like one, make a file of two extensions (``a.exe.zip``)."""
