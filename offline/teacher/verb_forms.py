"""English verb forms: base, past, participle and third person, both ways."""

from __future__ import annotations

# base past participle
_IRREGULAR_TABLE = """
be was been|bear bore borne|beat beat beaten|become became become|begin began begun|bind bound bound
bite bit bitten|blow blew blown|break broke broken|breed bred bred|bring brought brought
build built built|burn burned burned|buy bought bought|cast cast cast|catch caught caught
choose chose chosen|come came come|cost cost cost|cut cut cut|dig dug dug|draw drew drawn
drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed fed|fight fought fought
find found found|flee fled fled|fly flew flown|forbid forbade forbidden|forget forgot forgotten
freeze froze frozen|get got got|give gave given|go went gone|grind ground ground|grow grew grown
hang hung hung|have had had|hear heard heard|hide hid hidden|hit hit hit|hold held held
keep kept kept|know knew known|lay laid laid|lead led led|leave left left|lend lent lent|let let let
lie lay lain|light lit lit|lose lost lost|make made made|mean meant meant|meet met met
overtake overtook overtaken|pay paid paid|put put put|read read read|ride rode ridden|ring rang rung
rise rose risen|run ran run|say said said|see saw seen|seek sought sought|sell sold sold
send sent sent|set set set|shake shook shaken|shine shone shone|shoot shot shot|show showed shown
shut shut shut|sing sang sung|sink sank sunk|sit sat sat|sleep slept slept|speak spoke spoken
spend spent spent|spin spun spun|split split split|spread spread spread|stand stood stood
steal stole stolen|stick stuck stuck|strike struck struck|swim swam swum|swing swung swung
take took taken|teach taught taught|tell told told|think thought thought|throw threw thrown
understand understood understood|undergo underwent undergone|wake woke woken|wear wore worn
weave wove woven|win won won|wind wound wound|withdraw withdrew withdrawn|write wrote written
swear swore sworn|shear sheared shorn|dwell dwelt dwelt|cling clung clung
overhaul overhauled overhauled|rebuild rebuilt rebuilt|oversee oversaw overseen|bend bent bent
deal dealt dealt|sweep swept swept|mow mowed mown|sew sewed sewn|foresee foresaw foreseen
undertake undertook undertaken
"""

_REGULAR = """
abandon absorb accept accompany achieve acquire act adapt add adjoin adjust admit adopt adorn
advance advertise advise agree aim alert allow alter alternate amount anchor announce answer
appear apply appoint approach approve arrange arrest arrive ask assemble assess assign assist
assume attach attack attend attract automate average award back bake balance ban base belong blend
block board boil bolt book border borrow bottle brew broadcast bury calculate call cancel capture
carry carve cause cease celebrate certify change charge charter check christen circle circulate
claim clean clear climb close coach coat collapse collect colour combine command commemorate
commence commission compare compete compile complete compose comprise conceive concern conclude
conduct connect conserve consider consist construct consult contain continue contribute control
convert convey cook cool copy count cover create credit cross culminate cure damage darken date
debut decide declare decline decommission decorate dedicate deepen define deflate deliver demand
demolish deny depart depend depict deploy deposit derive descend describe deserve design designate
destroy detect determine develop dip direct disappear discharge discover dismantle display dispose
dissolve distribute divide dock document dominate donate double draft drain dredge dress drift
drop dry dump earn echo edit elect eliminate embark emerge employ empty enable encounter encourage
end endow enforce engrave enjoy enlarge ensure enter entertain equip erect escape establish
estimate evacuate evaporate evolve examine excavate exceed excel exchange exclude exhibit exist
expand expect experience explain explode explore export express extend extinguish face fail farm
fasten feature ferment fetch fill film filter finance fine finish fish fit fix flag flank flare
flash float flood flow focus fold follow forge form forward found freight frighten fuel function
fund furnish fuse gain gather generate glaze govern grade graduate grant greet grip ground
guarantee guard guide hail halt hammer handle harness harvest haul head heat help hire hoist host
house hunt identify idle ignite illuminate implement import improve include incorporate increase
indicate inflate influence inform inhabit inherit injure innovate insert inspect inspire install
instruct insulate insure intend introduce invent invest invite involve isolate issue join judge
jump kick kill knit label lack ladle laminate land last launch lean learn lease lengthen level
license lift limit line link list live load locate lock lodge log look lower maintain manage
manufacture mark market marry match mature measure melt mention merge mill mine mix modernise
modernize modify moor mount move nail name navigate need nest nickname note notify number obey
obtain occupy occur offer open operate oppose order organise organize originate outlast overlook
overwinter own pack paddle paint park partner pass pasture patrol peak peel perform permit
photograph pick pilot pioneer pitch place plan plant play plot plough point polish pool popularise
popularize portray position possess post pour power practice practise praise prefer premiere
prepare present preserve press prevent print process produce progress prohibit project promote
propel propose protect prove provide prune publish pull pump purchase push qualify quarrel quarry
raise range rank reach realise realize recall receive recognise recognize recommend record recover
recruit rediscover reduce refer refill refit reflect refurbish refuse register regulate reign
reinforce reject relate release relocate rely remain remove rename render renew renovate rent
reopen repair repeat replace report represent request require rescue research reserve reshape
reside resign rest restart restock restore restrict result retain retell retire retrieve retrofit
return reveal review revise revive rig rinse roast roll rotate row rule sail salt salvage sample
satisfy save scale schedule score seal search seat secure select separate serve settle shape share
shelter shield shift ship shorten showcase sign signal slice smear smoke soak solve sort sound
span spare specialise specialize specify sponsor spot staff stage star start state station stay
steam steep steer step stitch stock stop store stow strengthen stretch study submit subscribe
succeed suffer suggest suit supersede supervise supply support surf surround survey survive
suspend sway switch tackle talk target taste test thank thatch tie tile tolerate top tour tow
trace track trade train transcribe transfer transform transmit transport travel treat trigger
trust tune turn twist type unite unload unlock unveil update upgrade use utilise utilize vary vent
view visit voice vote wade wait walk wander want warm warn wash watch weigh welcome widen wish
witness work wrap wreck yield minimise minimize maximise maximize optimise optimize stabilise
stabilize popularise conceptualise conceptualize engineer craft fabricate patent entail happen
experiment degrade propagate reside rotate glide steepen resemble emphasise emphasize conceal
distinguish differentiate eliminate facilitate absorb redirect decrease accelerate slow
allocate attribute resist react refine pioneer revolutionise revolutionize retain adopt
authorise authorize verify validate configure execute compile parse upload download delete append
encode decode override initialise initialize invoke iterate install uninstall disable archive
encrypt decrypt authenticate reject ignore escape embed insert interpret implement inspect instruct
customise customize document debug deploy declare define describe detect determine discuss discard
display distribute edit enforce enrol enter evaluate exempt expire expose extract forfeit format
fetch handle host identify imply import infer inherit initiate integrate interact intercept
interrupt list load match merge migrate monitor notify nominate obligate observe output overwrite
package participate permit postpone prefer preserve proceed process prompt propagate propose publish
query quote raise reboot recommend redistribute register reimburse remind render replicate request
resolve respond restart resume retry review revoke scan schedule select simplify skip specify sort
store submit subscribe summarise summarize supplement suspend synchronise terminate test track
translate truncate trust update upgrade vote warrant waive assert assume agree accept apply approve
attend acknowledge adjourn allege amend append assess assign attach audit back backport bind brief
check cite claim clarify collect comment communicate comply compute confirm conflict consult contact
contribute control convey copy correct count cover create debate dedicate default delegate deny
depend disclose disclaim dismiss divide email enable encounter encourage ensure establish exceed
exercise explain export extend fail file focus follow forward fund grant group guarantee hire
incorporate indicate indemnify invalidate invoice issue label license limit link maintain manage
mention minimise modify motivate name note object offer omit organise outline overlap pass perform
prefix prevent print prohibit prove provide purchase qualify reach receive record reduce refer
refuse
release rely remove repeat replace report represent require reserve restrict return reuse run save
share sign split start state stop suggest supersede supply support swap talk target trigger truncate
type unify use wait warn wrap approximate specialise emit yield traverse mutate serialise serialize
reply owe lapse regret complain await accrue disclaim avoid assure disagree demonstrate mitigate
unblock try affect infringe reproduce investigate diagnose empower suppress constitute safeguard
pronounce remediate enhance embrace engage impose devise differ analyse analyze respect appreciate
advocate collaborate compensate consent consolidate cooperate coordinate deduct defend deter
devote diminish divert educate elaborate embody endorse enrich entitle exclude exploit fulfil
fulfill highlight illustrate incur induce interfere justify leverage liaise negotiate nurture
oblige outweigh penalise penalize persuade pose precede prioritise prioritize prosecute pursue
reconcile reconsider redeem regain reinstate repay rescind resell reuse simplify solicit stimulate
strive sublicense substitute supervise surrender sustain tailor tolerate underpin violate subclass
bundle cache clone commit rebase checkout branch tag alias expand escalate onboard
"""

_DOUBLING = set(
    "admit ban bar cancel chop clip commit control dip drag drop equip expel fit flip "
    "fuel grab grip hop jam label level log map model nod omit patrol permit pin plan "
    "plot prefer propel refer refit regret rip rub ship shop signal sip skip slip spot "
    "step stop strip submit tap tip top transfer transmit trap travel trim tunnel unwrap "
    "whip wrap".split()
)


# Verbs that are no nouns, so a subject that holds one was read wrongly.
_ONLY_VERBS = set(
    "accept achieve acquire allow apply avoid become choose consist contain create define delete "
    "depend describe determine develop disable enable enforce ensure establish exclude execute "
    "exist "
    "expect explain follow forget generate get give go have identify implement improve include "
    "indicate "
    "install introduce invoke keep know let maintain make manage mean modify obtain occur perform "
    "prefer prevent produce protect provide publish receive recommend reduce refer remain remove "
    "replace represent require restrict select send serve specify suggest take tell update "
    "upload use "
    "want write add append apply calculate combine compare compute configure convert cover "
    "don't".split()
) - {"update", "use", "cover", "upload"}


def third_person(base: str) -> str:
    """carry → carries, pass → passes, run → runs."""
    if base in {"be", "have", "do", "go"}:
        return {"be": "is", "have": "has", "do": "does", "go": "goes"}[base]
    if base.endswith("y") and base[-2] not in "aeiou":
        return base[:-1] + "ies"
    return base + ("es" if base.endswith(("s", "sh", "ch", "x", "z", "o")) else "s")


def _past_forms(base: str) -> set[str]:
    if base.endswith("e"):
        return {base + "d"}
    if base.endswith("y") and base[-2] not in "aeiou":
        return {base[:-1] + "ied"}
    if base in _DOUBLING:
        doubled = base + base[-1] + "ed"
        return {doubled, base + "ed"} if base.endswith("l") else {doubled}
    return {base + "ed"}


def _build() -> tuple[dict[str, str], dict[str, str], dict[str, str], dict[str, str]]:
    """past → base, participle → base, third person → base, participle → past."""
    past: dict[str, str] = {}
    participle: dict[str, str] = {}
    present: dict[str, str] = {}
    past_of: dict[str, str] = {}
    for base in _REGULAR.split():
        present[third_person(base)] = base
        for form in _past_forms(base):
            past[form] = participle[form] = base
            past_of[form] = form
    for entry in _IRREGULAR_TABLE.replace("\n", "|").split("|"):
        if entry.strip():
            base, past_form, participle_form = entry.split()
            present[third_person(base)] = base
            past.setdefault(past_form, base)
            participle.setdefault(participle_form, base)
            past_of.setdefault(participle_form, past_form)
    return past, participle, present, past_of


PAST, PARTICIPLE, PRESENT, PAST_OF = _build()
_PARTICIPLE_OF = {base: participle for participle, base in reversed(PARTICIPLE.items())}
BASES = frozenset(PRESENT.values())
ONLY_VERBS = frozenset(_ONLY_VERBS | {third_person(base) for base in _ONLY_VERBS})


def participle_of(base: str) -> str:
    """write → written, tag → tagged; a verb that is not listed is regular."""
    return _PARTICIPLE_OF.get(base) or min(_past_forms(base))
