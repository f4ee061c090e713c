"""Names in pinyin for search and sort: one word, lower case, surnames read as surnames."""

from __future__ import annotations

from plugin_sdk.dicom.charset import display_name, fold, has_ideographs

DOUBLE = {
    "万俟": "moqi", "尉迟": "yuchi", "单于": "chanyu", "长孙": "zhangsun", "令狐": "linghu", "澹台": "tantai",
    "宇文": "yuwen", "皇甫": "huangfu", "夏侯": "xiahou", "诸葛": "zhuge", "欧阳": "ouyang", "司马": "sima",
    "上官": "shangguan", "公孙": "gongsun", "慕容": "murong", "独孤": "dugu", "南宫": "nangong", "东方": "dongfang",
    "呼延": "huyan", "鲜于": "xianyu", "闾丘": "lvqiu", "亓官": "qiguan", "濮阳": "puyang", "淳于": "chunyu",
}
SINGLE = {
    "单": "shan", "仇": "qiu", "曾": "zeng", "解": "xie", "查": "zha", "区": "ou", "任": "ren", "华": "hua",
    "朴": "piao", "种": "chong", "冼": "xian", "洗": "xian", "员": "yun", "缪": "miao", "乐": "yue", "翟": "zhai",
    "柏": "bai", "宁": "ning", "贾": "jia", "覃": "qin", "谌": "chen", "车": "che", "秘": "bi", "郗": "xi",
    "那": "na", "撒": "sa", "黑": "he", "召": "shao", "隗": "wei", "牟": "mu", "祭": "zhai", "繁": "po",
    "纪": "ji", "折": "she", "盖": "ge", "盛": "sheng", "乜": "nie", "薄": "bo", "葛": "ge", "尹": "yin",
    "沈": "shen", "石": "shi", "晁": "chao", "盍": "ge", "都": "du", "宿": "su", "卜": "bu", "重": "chong",
    "哈": "ha", "长": "chang", "强": "qiang", "省": "xing", "俞": "yu", "贲": "ben", "谷": "gu", "阚": "kan",
}
_TRADITIONAL = str.maketrans("單區華員繆樂寧賈諶車紀蓋強賁闞長澤", "单区华员缪乐宁贾谌车纪盖强贲阚长泽")


def pinyin_of(name: str) -> str:
    """Write a name as one word of lower-case letters: 单雄信 is shanxiongxin, ``WANG^Li`` is wangli, 吕 is lv.

    :param name: as displayed or as PN (PS3.5 6.2); kana, Hangul and other scripts stay as they are
    """
    shown = display_name(name)
    if not has_ideographs(shown):
        return fold(shown)[:200]
    from pypinyin import lazy_pinyin  # reads half a second of dictionaries

    read, rest = _surname(shown)
    return fold(read + "".join(lazy_pinyin(rest)))[:200]


def _surname(name: str) -> tuple[str, str]:
    plain = name[:2].translate(_TRADITIONAL)
    if len(name) > 2 and plain in DOUBLE:
        return DOUBLE[plain], name[2:]
    if plain[:1] in SINGLE:
        return SINGLE[plain[:1]], name[1:]
    return "", name
