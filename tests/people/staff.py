"""People that tests have in their directory."""

from dataclasses import replace

from bus.domain.people import Person, Skill

LI = Person(
    person="李工",
    role="engineer",
    types=("hardware_fault",),
    regions=("华东",),
    skills=(Skill(name="compressor", level=3),),
    capacity=3,
    contact="13800000002",
    backup="王师傅",
)
WANG = replace(LI, person="王师傅", contact="13800000001", backup="李工", photo="https://img.corp/wang.jpg")
ZHAO = replace(LI, person="赵工", contact="13800000003", backup="王师傅")
