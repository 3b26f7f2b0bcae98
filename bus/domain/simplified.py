"""Traditional characters, as Taiwan and Hong Kong write them, as simplified ones. Pure."""

from unicodedata import normalize

# Those that our lists of words have, no others: a whole converter is a megabyte for 200 characters. A test holds every
# character of these lists against it.
_SIMPLIFIED = str.maketrans(
    "業丟個為爲書產倉們會傳體儲關內寫沖衝決凍劃創別製辦務區單佔發檯臺號後員響迴團國圖場處備復複實審對將師"
    "並併廣庫應開異棄當錄徹誌態總戶執搶護報撥掛損據數斷無時暫術機權條來標覈檔檢畢氣沒註測熱狀環現電碼確稱"
    "簽籤係繫約綫線組經結絡絕統續維綜編網聯藝獲營補裝見規視計訂認訓訊記許設訪証證識訴診試話該詳誤說説請課"
    "調財敗帳賬質購貼貿費資軟輯過運還這進遠違連適遺採鑰銘鏈銷鎖錯鍵門閉問隊階際陸險隨項頻題風買冊動啟夠滿點盤詢負間飽頁驗華東慶遼寧龍蘇貴雲陝肅",
    "业丢个为为书产仓们会传体储关内写冲冲决冻划创别制办务区单占发台台号后员响回团国图场处备复复实审对将师"
    "并并广库应开异弃当录彻志态总户执抢护报拨挂损据数断无时暂术机权条来标核档检毕气没注测热状环现电码确称"
    "签签系系约线线组经结络绝统续维综编网联艺获营补装见规视计订认训讯记许设访证证识诉诊试话该详误说说请课"
    "调财败账账质购贴贸费资软辑过运还这进远违连适遗采钥铭链销锁错键门闭问队阶际陆险随项频题风买册动启够满点盘询负间饱页验华东庆辽宁龙苏贵云陕肃",
)


def simplified(text: str) -> str:
    """Give a text as our lists of words spell it: `無訂單號` is `无订单号`. For comparing alone, never to be stored."""
    return text if text.isascii() else text.translate(_SIMPLIFIED)


def folded(text: str) -> str:
    """Give a text as words of any language are looked for in it: half width, simplified, without case."""
    return simplified(normalize("NFKC", text)).casefold()
