"""Tells Chinese saved as GBK from a text in the encoding of a map, which reads its bytes too: as nonsense. Pure.

Three things count: whether the bytes are common Chinese characters in GBK, whether they make words in the other
encoding, and, as that is Big5, in which of both the characters are the common ones.
"""

import re
from itertools import pairwise
from typing import Final
from unicodedata import category, name

# The usual characters of texts, of service reports and of names; what Big5 writes another way stands behind.
COMMON: Final = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第"
    "公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合"
    "回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总"
    "何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听"
    "白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带"
    "导争运维修故障器调冰箱洗衣压缩异响漏屏幕板坏低急客户李刘陈杨赵黄周吴徐孙胡朱林郭罗号型单质换零停网络打印密码登录"
    "热冷风扇噪音门锁灯亮黑闪错误失败启显示充联系号址电话派关闭待未首装拆遥控线路短烧味烟抖脱排滤芯阀泵六七八九百千"
    "男女旧送收货退款差评投诉催查询咨询服务站点京沪广深州江浙苏省县镇村街楼室座层栋城区云川湖河湾港澳台键盘灵鼠标"
    "這個們來為國說時會對過發後裡種經學現當沒動還進樣開實軍無與長機業將兩間問應戰頭體見產話內給門兒東聲員論處義幾認條氣題"
    "爾別變總電數報結務場計資區隊決馬書則聽達強難權設記類據邊張該規萬術領確傳師觀讓識帶導爭運維調壓縮異響號單質換網絡"
    "碼錄熱風鎖燈閃錯敗啟顯聯關閉裝線煙濾閥貨訴詢點縣鎮樓層棟雲灣"
)
_LEVEL_1 = re.compile(r"[\u4e00-\u9fff]")
_LEADS_OF_LEVEL_1 = range(0xB0, 0xD8)  # of GB 2312
_RARE_IN_BIG5 = 0xC7  # leads from here on are of its level 2
_BIG5: Final = frozenset({"big5", "big5hkscs", "cp950"})
_SIGNS = re.compile(r"[\u2010-\u2026\u3000-\u3011\uff01-\uff5e\xb7\xa5\uffe5]")  # beside Chinese
_WORD = re.compile(r"[A-Za-z\x80-\U0010ffff]+")
_FEW, _SOME = 3, 4  # characters


def is_gbk_instead(raw: bytes, encoding: str) -> bool:
    """Say whether bytes that can be read in an encoding, by its plain name, are Chinese in GBK after all."""
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return False
    chinese = [one for one in text if not one.isascii() and not _SIGNS.match(one)]
    if not chinese or not all(map(_LEVEL_1.match, chinese)):
        return False
    pairs = [one.encode("gb18030") for one in chinese]
    common = sum(one in COMMON and pair[0] != pair[1] for one, pair in zip(chinese, pairs, strict=True))
    if encoding in _BIG5:
        return _rather_than_big5(raw.decode(encoding), len(chinese), common)
    level_1 = all(pair[0] in _LEADS_OF_LEVEL_1 and pair[1] > 0xA0 for pair in pairs)
    if common * 2 < len(chinese) and not (level_1 and len(chinese) >= _SOME):
        return False
    other = raw.decode(encoding)
    return len(other) == len(raw) and any(map(_is_no_word, _WORD.findall(other)))


def _rather_than_big5(text: str, count: int, common: int) -> bool:
    """Say whether `common` of `count` Chinese characters in GBK are more than Big5 has, and enough."""
    in_big5 = sum(one in COMMON for one in text)
    if count >= _FEW:
        return common * 2 >= count and common > 2 * in_big5
    rare = any(one.encode("big5hkscs", "replace")[0] >= _RARE_IN_BIG5 for one in text if not one.isascii())
    return common == count and not in_big5 and rare


def _is_no_word(word: str) -> bool:
    """Say whether letters beyond ASCII stand as in no word: changing case, beside a sign, or in Latin all of them."""
    if word.isascii():
        return False
    for one, after in pairwise(word):
        if one.isascii() and after.isascii():
            continue
        if one.islower() and after.isupper():
            return True
        if (_is_sign(one) and (_is_sign(after) or after.isalpha())) or (one.isalpha() and _is_sign(after)):
            return True
    letters = [one for one in word if one.isalpha()]
    latin = any(name(one, "").startswith("LATIN") for one in letters)
    return latin and len(word) > 1 and not any(map(str.isascii, letters))


def _is_sign(one: str) -> bool:
    return not one.isascii() and (category(one)[0] in "SNC" or one in "\xaa\xba")
