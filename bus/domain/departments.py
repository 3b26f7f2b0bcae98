"""Which names are departments or nobody and no persons (R6): by whole words, never by a last character. Pure."""

import re
from collections.abc import Collection
from unicodedata import normalize

from bus.domain.no_key import is_no_number, plain_word

# What a unit does; before one of _UNITS it is a department, with whatever stands in front: 华东售后部.
_WORK = """
客服 客户 售后 售前 服务 技术 维修 检修 维护 抢修 安装 调试 工程 项目 市场 营销 销售 渠道 推广 品牌 质量 质检
品质 品控 采购 供应 供应链 物流 仓储 仓库 备件 配件 财务 会计 审计 人事 人力 人力资源 行政 办公 办事 后勤 总务
综合 管理 生产 制造 装配 工艺 设备 机电 电气 机械 研发 开发 设计 产品 测试 信息 网络 系统 软件 数据 运维 运营
支持 支援 保障 业务 商务 电商 贸易 国际 海外 法务 合规 风控 安全 安保 保安 环保 消防 调度 派单 值班 应急 呼叫
热线 投诉 回访 一线 二线 培训 企划 策划 计划 宣传 公关 事业 分 大区
"""
# Where a unit is; between it and its kind may stand 省, 市, 片: 华东组, 华东一组, 上海站, 浙江片区.
_PLACES = """
华东 华南 华北 华中 华西 东北 东南 西北 西南 中南 北京 天津 上海 重庆 河北 山西 内蒙古 辽宁 吉林 黑龙江 江苏 浙江
安徽 福建 江西 山东 河南 湖北 湖南 广东 广西 海南 四川 贵州 云南 西藏 陕西 甘肃 青海 宁夏 新疆
"""
_UNITS = "[部组科处室队班站课]"
_WHOLE = "部门|中心|团队|小组|班组|科室|处室"
# Known by a number, a letter or a word of Latin letters: 一组, A组, IT部, 第三科; or by both: 维修1组, 客服中心一组.
_NUMBER = "(?:[0-9a-z]+|[一二三四五六七八九十]+)"
_NUMBERED = f"第?{_NUMBER}{_UNITS}"
_WORKS = "|".join(_WORK.split())
_NAMED = f"(?:{_WORKS})(?:第?{_NUMBER})?{_UNITS}|(?:{_WHOLE})第?{_NUMBER}{_UNITS}"
# A name that is nothing but the work or the place of one: 售后, 技术支持, 华东大区, 北京分公司.
_PLACED = "(?:大区|分公司|子公司|总公司|办事处)"
_DEPARTMENT = re.compile(
    rf".*(?:{_WHOLE}|{_NAMED}|{_PLACED})|(?:{_WORKS}){{1,3}}|{_NUMBERED}|{_UNITS}|[本总外内]部", re.DOTALL
)
_PLACED_UNIT = re.compile(
    rf"(?:{'|'.join(_PLACES.split())})(?:[省市片]|地区|片区)?第?{_NUMBER}?(?:{_UNITS}|[大片]?区)", re.DOTALL
)
_ENGLISH_UNIT = "department|dept|team|group|desk|cent(?:er|re)"
_ENGLISH = re.compile(
    rf".*(?<![a-z])(?:{_ENGLISH_UNIT})\W*|(?:{_ENGLISH_UNIT})\W+(?:[a-z]|\d+)\W*"
    r"|(?:.*(?<![a-z]))?help\W?desk\W*|(?:(?:customer|technical|tech|field|it|after\W?sales)\W+)?(?:support|service)s?\W*",
    re.DOTALL,
)
# Everybody, anybody, a trade or a place to wait in; words for none are those of a key.
_WORDS_FOR_NOBODY = """
所有人 大家 全体 全员 全体人员 任何人 某人 无人 没人 值班人员 值班员 工程师 维修工程师 售后工程师 维修工
维修员 维修人员 技术员 技术人员 服务人员 客服人员
工作人员 相关人员 师傅 后台 前台 系统 随便 都行 待分配 待指派 待派 待派单 待安排 未分配 未指派
all anyone anybody everyone everybody nobody someone somebody unassigned engineer technician staff
"""
_NOBODY = frozenset(_WORDS_FOR_NOBODY.split())
_BEHIND = re.compile(r"(.*\S)\s*[(\[\u3010][^()]*[)\]\u3011]\W*", re.DOTALL)


def is_department(name: str, more: Collection[str] = ()) -> bool:
    """Say whether a name is a department's: by its words, or because it is one of `more`, spelled as `plain_word` does.

    `王科` and `张部` are persons.
    """
    shown = normalize("NFKC", name).casefold()
    if plain_word(shown) in more:
        return True
    if behind := _BEHIND.fullmatch(shown):  # 工程部(上海) is a department, 王科(客服部) a person of one
        shown = behind[1]
    word = plain_word(shown)
    return word in more or any((_DEPARTMENT.fullmatch(word), _PLACED_UNIT.fullmatch(word), _ENGLISH.fullmatch(shown)))


def is_nobody(name: str) -> bool:
    """Say whether a name is nobody's: a word for none (`无`, `待定`), for everybody, for a trade (`工程师`)."""
    return bool(name.strip()) and (is_no_number(name) or plain_word(name) in _NOBODY)
