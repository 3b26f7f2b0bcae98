"""What U8's refusals are about: by the codes that are known, else by their sentences, in either spelling."""

import pytest

from adapters.u8.words import U8Says, kind_of, says
from bus.delivery.target import FailureKind


@pytest.mark.parametrize(
    ("code", "words", "about"),
    [
        ("30012", "", U8Says.TOKEN_LOST),
        ("30099", "无效的token", U8Says.TOKEN_LOST),
        ("40001", "Token 已失效,请重新获取", U8Says.TOKEN_LOST),
        ("40001", "token调用次数超过上限", U8Says.TOKEN_LOST),
        ("", "access_token is invalid", U8Says.TOKEN_LOST),
        ("30021", "此应用未上线", U8Says.NO_RIGHT),
        ("20005", "U8 服务调用失败:key='';注册号不正确!", U8Says.NO_RIGHT),
        ("30002", "app_secret 不正确", U8Says.NO_RIGHT),
        ("20005", "您没有其他出库单的新增权限", U8Says.NO_RIGHT),
        ("-1", "外部系统编码 001 未注册", U8Says.NO_RIGHT),
        ("30025", "操作正在执行", U8Says.RUNNING),
        ("", "操作正在执行", U8Says.RUNNING),
        ("10001", "平台错误", U8Says.UNSURE),
        ("20005", "执行超时已过期", U8Says.UNSURE),
        ("20005", "An error occurred on the server when processing the URL", U8Says.UNSURE),
        ("20002", "未检索到匹配的[其他出库单]。", U8Says.NONE_FOUND),
        ("", "没有符合条件的数据", U8Says.NONE_FOUND),
        ("20005", "U8 服务调用失败:key='TB2';存货[PUMP-7]现存量不足", U8Says.SHORT),
        ("101", "可用量不足", U8Says.SHORT),
        ("101", "存货SEAL-1零出库", U8Says.SHORT),
        ("101", "庫存不足", U8Says.SHORT),
        ("20005", "单据号重复", U8Says.THERE_ALREADY),
        ("20005", "该单据已经审核", U8Says.THERE_ALREADY),
        ("30031", "biz_id 已存在", U8Says.THERE_ALREADY),
        ("20005", "单据已经被其他人修改或删除", U8Says.IN_USE),
        ("20005", "單據已被其他用戶鎖定", U8Says.IN_USE),
        ("20005", "加密点数已饱和", U8Says.IN_USE),
        ("30040", "调用过于频繁", U8Says.THROTTLED),
        ("20005", "企业U8服务离线", U8Says.AWAY),
        ("20005", "事务日志已满", U8Says.AWAY),
    ],
)
def test_u8_words_a_refusal_is_what_its_code_or_its_sentence_means(code: str, words: str, about: U8Says) -> None:
    assert says(code, words) is about


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("20005", "U8 服务调用失败:key='2005260008';该业务员不合法,请重新输入。;"),
        ("20005", "存货编码 TOKEN-7 不存在"),
        ("20005", "数据库没有提供的字段(clabel)! 或者提供该字段的值格式不正确!"),
        ("20005", "在对应所需名称或序数的集合中,未找到项目"),
        ("101", "库存启用的第一个月已经月结,不可以增加删除期初!"),
        ("20005", "存货[PUMP-7]已停用"),
        ("20005", "固定换算率的存货[x]的辅计量单位不允许为空!"),
        ("20005", "数量小于等于零"),
        ("", ""),
    ],
)
def test_u8_words_any_other_refusal_is_a_rule_of_u8s(code: str, words: str) -> None:
    about = says(code, words)
    assert about is U8Says.OTHER
    assert kind_of(about, changes=True) is FailureKind.REJECTED


def test_u8_words_a_question_that_broke_has_changed_nothing() -> None:
    assert kind_of(U8Says.UNSURE, changes=True) is FailureKind.UNKNOWN
    assert kind_of(U8Says.UNSURE, changes=False) is FailureKind.UNAVAILABLE
    assert kind_of(U8Says.TOKEN_LOST, changes=False) is FailureKind.UNAUTHORIZED
