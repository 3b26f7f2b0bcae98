"""Messages to people: WeCom, DingTalk, WeChat and SMS, by one file that says who is told what, when, in which words."""
