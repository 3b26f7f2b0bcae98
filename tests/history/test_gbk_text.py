"""Chinese saved as GBK under a map of another encoding is refused; true texts in that encoding are not."""

import codecs

import pytest

from adapters.csv_form import CsvForm
from adapters.gbk_text import is_gbk_instead

ONE_BYTE = ("cp1250", "cp1251", "cp1252", "latin-1", "mac-roman", "cp437", "cp850", "koi8-r", "cp866")
CHINESE = (
    "压缩机异响",
    "王强",
    "空调不制冷,客户要求今天上门",
    "待客户拍照",
    "面板不亮",
    "1,屏幕有裂纹,张伟",
    "打印机卡纸\uff0c请派人",
    "沪A12345 车牌识别失败",
    "网络不通",
    "王鑫",
)
TRUE = {
    "cp1250": (
        "Zażółć gęślą jaźń",
        "żółć",
        "źdźbło",
        "główny",
        "Kłótnia w biurze",
        "Usterka sprężarki, hałas",
        "Nie działa wyświetlacz",
        "Příliš žluťoučký kůň úpěl ďábelské ódy",
        "Kompresor nejde spustit",
        "Árvíztűrő tükörfúrógép",
        "Łódź",
        "ŁÓDŹ",
        "ŻÓŁĆ",
        "ŚĆ",
        "Kraków, Łódź, Gdańsk",
        "Nefunguje topení v přízemí",
        "łóżko",
        "Więcej próśb o pomoc techniczną",
    ),
    "cp1251": (
        "Компрессор шумит",
        "НЕ РАБОТАЕТ КОНДИЦИОНЕР",
        "Нет связи",
        "да",
        "нет",
        "Принтер не печатает, замяло бумагу",
        "ООО «Ромашка»",
        "МОСКВА",
        "Заявка №15 от клиента",
        "Їжак і ґанок",
        "САНКТ-ПЕТЕРБУРГ",
        "Высокий",
        "ВЫСОКИЙ",
        "УЛ. ЛЕНИНА",
        "Иван ПЕТРОВ",
    ),
    "cp1252": (
        "Größe",
        "façade—«ça»",
        "L'écran est noir",
        "Créée à l'été",
        "Où est-ce que c’est cassé ?",
        "ÇÃO",
        "NÃO FUNCIONA A IMPRESSÃO",
        "¿Qué pasó? ¡Está roto!",
        "Übergrößenträger",
        "ÄÖÜß",
        "20°C à l'intérieur",
        "n°5",
        "£50",
        "€ 20",
        "Noël",
        "Æøå",
        "ØRSTED",
        "Kühlschrank läuft aus",
        "AÇÕES",
        "À É",
        "º",
        "½ ä",
        "Éé",
        "naïveté",
        "„Straße“",
        "»über« ",
        "ÅÄÖ",
        "öäå",
        "Maßübersicht",
        "TÉLÉVISION",
        "µA",
        "5 µm",
        "très déçu",
    ),
    "iso8859-15": (
        "œuvre",
        "Œuvre coûteuse",
        "L'été à Noël €",
    ),
    "mac-roman": (
        "L'écran est noir",
        "Größe",
        "“façade”",
        "Où ça ?",
        "NÃO",
        "été",
    ),
    "cp437": (
        "Größe",
        "été",
        "ñandú",
        "════",
        "░░▒▒",
        "Kühlschrank",
    ),
    "cp850": (
        "Größe",
        "L'écran",
        "ÇÃO",
        "Não imprime",
    ),
    "koi8-r": (
        "Компрессор шумит",
        "да",
        "нет",
        "не работает принтер",
        "НЕТ СВЯЗИ",
        "он",
        "по",
        "Замена",
    ),
    "cp866": (
        "Компрессор шумит",
        "НЕТ СВЯЗИ",
        "да",
    ),
    "cp1253": (
        "Δεν λειτουργεί",
        "ΑΘΗΝΑ",
        "ΚΑΙ",
        "Ο εκτυπωτής",
    ),
    "cp1254": (
        "Çalışmıyor",
        "İSTANBUL",
        "ŞİŞLİ",
        "Öğretmen",
    ),
    "big5": (
        "處理中",
        "壓縮機異響",
        "高",
        "中",
        "低",
        "王小明",
        "冷氣不冷\uff0c請派人維修",
        "台北市信義區",
        "顯示器閃爍",
        "客戶要求更換",
        "螢幕破裂",
        "洗衣機漏水",
        "林志玲",
        "待確認",
        "急件",
        "陳",
        "已解決",
        "滑鼠故障",
        "鍵盤失靈",
        "醫院",
        "歐陽",
    ),
}


@pytest.mark.parametrize("encoding", ONE_BYTE)
def test_gbk_text_chinese_under_a_map_of_one_byte_a_letter_is_refused(encoding: str) -> None:
    missed = [text for text in CHINESE if not is_gbk_instead(text.encode("gbk"), encoding)]
    assert missed == []


@pytest.mark.parametrize("encoding", ["cp1250", "cp1252", "latin-1"])
@pytest.mark.parametrize("word", ["高", "中", "低", "急"])
def test_gbk_text_one_chinese_character_under_a_western_map_is_refused(word: str, encoding: str) -> None:
    why = CsvForm(encoding=encoding).mistaken(f"1,{word},x\n".encode("gbk"), codecs.lookup(encoding).name)
    assert why
    assert "GBK" in why.zh
    assert "csv: {encoding: gb18030}" in why.en


@pytest.mark.parametrize("text", ["压缩机异响", "空调不制冷,客户要求今天上门", "洗衣机漏水", "面板不亮", "键盘失灵"])
def test_gbk_text_simplified_chinese_under_a_map_of_big5_is_refused(text: str) -> None:
    assert is_gbk_instead(text.encode("gbk"), "big5")


@pytest.mark.parametrize("encoding", TRUE)
def test_gbk_text_true_texts_are_read_as_they_are(encoding: str) -> None:
    form, name = CsvForm(encoding=encoding), codecs.lookup(encoding).name
    assert [text for text in TRUE[encoding] if form.mistaken(f"7,{text},x\n".encode(encoding), name)] == []
