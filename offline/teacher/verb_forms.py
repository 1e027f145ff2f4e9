"""English verb forms: base, past, participle and third person, both ways."""

from __future__ import annotations

# base past participle
_IRREGULAR_TABLE = """
be was been|bear bore borne|beat beat beaten|become became become|begin began begun
bind bound bound|bite bit bitten|blow blew blown|break broke broken|breed bred bred
bring brought brought|build built built|burn burned burned|buy bought bought|cast cast cast
catch caught caught|choose chose chosen|come came come|cost cost cost|cut cut cut|dig dug dug
draw drew drawn|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed fed
fight fought fought|find found found|flee fled fled|fly flew flown|forbid forbade forbidden
forget forgot forgotten|freeze froze frozen|get got got|give gave given|go went gone
grind ground ground|grow grew grown|hang hung hung|have had had|hear heard heard|hide hid hidden
hit hit hit|hold held held|keep kept kept|know knew known|lay laid laid|lead led led
leave left left|lend lent lent|let let let|lie lay lain|light lit lit|lose lost lost
make made made|mean meant meant|meet met met|overtake overtook overtaken|pay paid paid|put put put
read read read|ride rode ridden|ring rang rung|rise rose risen|run ran run|say said said
see saw seen|seek sought sought|sell sold sold|send sent sent|set set set|shake shook shaken
shine shone shone|shoot shot shot|show showed shown|shut shut shut|sing sang sung|sink sank sunk
sit sat sat|sleep slept slept|speak spoke spoken|spend spent spent|spin spun spun
split split split|spread spread spread|stand stood stood|steal stole stolen|stick stuck stuck
strike struck struck|swim swam swum|swing swung swung|take took taken|teach taught taught
tell told told|think thought thought|throw threw thrown|understand understood understood
undergo underwent undergone|wake woke woken|wear wore worn|weave wove woven|win won won
wind wound wound|withdraw withdrew withdrawn|write wrote written|swear swore sworn
shear sheared shorn|dwell dwelt dwelt|cling clung clung|overhaul overhauled overhauled
rebuild rebuilt rebuilt|oversee oversaw overseen|bend bent bent|deal dealt dealt|sweep swept swept
mow mowed mown|sew sewed sewn|foresee foresaw foreseen|undertake undertook undertaken
rewrite rewrote rewritten|retake retook retaken|undo undid undone|mislead misled misled
sow sowed sown|overthrow overthrew overthrown|swell swelled swollen|tear tore torn|hurt hurt hurt
slide slid slid
"""

_REGULAR = """
abandon abolish absorb abstain accelerate accept accommodate accompany accrue accumulate achieve
acknowledge acquire act activate adapt add adhere adjoin adjourn adjust administer admit adopt
adorn advance advertise advise advocate affect agree aim alert alias align allege allocate allow
alter alternate amend amount amplify analyse analyze anchor annex annotate announce answer
anticipate apologise apologize appear append apply appoint appreciate approach approve approximate
archive argue arrange arrest arrive articulate ask assassinate assemble assert assess assign
assist assume assure attach attack attain attend attract attribute audit authenticate authorise
authorize automate average avoid await award back backport bake balance ban banish base belong
besiege bind blend block board boil bolt book border borrow bottle branch brew brief broadcast
broaden bundle bury cache calculate calibrate call cancel capture carry carve categorise
categorize cater cause cease celebrate centralise centralize certify change characterise charge
charter check checkout christen circle circulate cite claim clarify classify clean clear click
climb clog clone close coach coat coincide collaborate collapse collect collide colonise colonize
colour combine command commemorate commence comment commission commit communicate compare
compensate compete compile complain complete comply compose comprise compute conceal conceive
conceptualise conceptualize concern conclude condense conduct configure confine confirm conflict
conform confuse congratulate connect conquer consent conserve consider consist consolidate
constitute constrain construct consult consume contact contain contend continue contradict
contribute control convene converge convert convey cook cool cooperate coordinate copy correct
correlate correspond corrode count cover craft create credit criticise criticize cross crystallise
culminate cultivate cure customise customize damage darken date debate debug debut decide declare
decline decode decommission decorate decrease decrypt dedicate deduct deem deepen default defend
defer define deflate defrost degrade degrease delegate delete deliberate deliver demand demolish
demonstrate denote deny depart depend depict deplete deploy depose deposit deprecate derive
descend describe deserve design designate destroy detect deter deteriorate determine develop
deviate devise devote diagnose differ differentiate digest digitise digitize dilute diminish dip
direct disable disagree disappear discard discharge disclaim disclose disconnect discourage
discover discuss disinfect dismantle dismiss display dispose dissolve distil distinguish
distribute diverge divert divide dock document dominate donate double download draft drag drain
dredge dress drift drop dry dump earn echo edit educate elaborate elect elevate eliminate elude
email embark embed embody embrace emerge emit empathise emphasise emphasize employ empower empty
enable enact encode encompass encounter encourage encrypt end endorse endow endure enforce engage
engineer engrave enhance enjoy enlarge enrich enrol ensure entail enter entertain entitle
enumerate envisage equate equip erase erect erode escalate escape establish estimate evacuate
evaluate evaporate evict evolve exacerbate exaggerate examine excavate exceed excel exchange
exclude excrete execute exempt exercise exert exhale exhibit exist expand expect experience
experiment expire explain explode exploit explore export expose express extend extinguish extract
fabricate face facilitate fail familiarise familiarize farm fasten feature ferment fertilise
fertilize fetch file fill film filter finance fine finish fish fit fix flag flank flare flash
float flood flourish flow fluctuate flush focus fold follow forfeit forge form format formulate
forward foster found freight frighten fuel fulfil fulfill function fund furnish fuse gain gather
generate germinate glaze glide govern grade graduate grant greet grip ground group guarantee guard
guide hail halt halve hammer handle happen harness harvest hatch haul head heat help hibernate
highlight hire hoist host house hunt hydrate identify idle ignite ignore illuminate illustrate
imitate immerse impair impede implement implicate imply import impose imprison improve incentivise
incentivize include incorporate increase incur indemnify indicate induce infer inflate influence
inform infringe ingest inhabit inhale inherit inhibit initialise initialize initiate inject injure
innovate insert insist inspect inspire install instruct insulate insure integrate intend intensify
interact intercept interfere interpret interrupt intersect introduce invade invalidate invent
invest investigate invite invoice invoke involve ionise irrigate isolate issue iterate join judge
jump justify kick kill knead knit label lack ladle laminate land lapse last launch lean learn
lease lengthen level leverage liaise license lift lighten limit line link liquefy list live load
locate lock lodge log look loosen lower lubricate magnify maintain manage manipulate manufacture
marinate mark market marry match mature maximise maximize measure mediate melt memorise memorize
mention merge metabolise metabolize migrate mill mine minimise minimize misuse mitigate mix
modernise modernize modify monetise monitor moor motivate mount move mulch mutate mute nail name
nationalise nationalize navigate necessitate need negotiate nest neutralise nickname nominate
normalise normalize note notify nourish number nurture obey object obligate oblige obscure observe
obstruct obtain occupy occur offboard offend offer omit onboard open operate oppose optimise
optimize order organise organize originate oscillate outlast outline outnumber output outsource
outweigh overestimate overflow overheat overlap overload overlook override overwinter overwrite
owe own oxidise oxidize pack package paddle paint park parse participate partner pass paste
pasture patent patrol peak peel penalise penalize penetrate perceive perform permit persecute
persist personalise personalize persuade photograph pick pilot pioneer pitch place plan plant play
pledge plot plough plug plunder point polish pollinate pollute pool popularise popularize populate
portray pose position possess post postpone pour power practice practise praise precede prefer
prefix premiere prepare prescribe present preserve preside press presume prevail prevent print
prioritise prioritize privatise privatize proceed process proclaim procure produce progress
prohibit prolong promote prompt pronounce propagate propel propose prosecute prosper protect prove
provide provoke prune publicise publicize publish pull pump purchase purify pursue push qualify
quantify quarrel quarry query queue quote radiate raise range rank ratify reach react realise
realize reallocate rearrange reassign reassure rebase reboot recall receive recite reclaim
recognise recognize recommend reconcile reconnect reconsider record recover recruit recycle redeem
redirect rediscover redistribute reduce refer refill refine refit reflect refund refurbish refuse
regain register regret regulate rehearse reign reimburse reinforce reinstall reinstate reject
relate relax release relieve relocate rely remain remediate remind remove rename render renew
renovate rent reopen reorder repack repair repay repeal repeat replace replicate reply report
represent reproduce request require reschedule rescind rescue reseal research resell resemble
resent reserve reshape reside resign resist resolve respect respond rest restart restock restore
restrict result resume retain retell retire retrain retrieve retrofit retry return reuse reveal
revert review revise revive revoke revolutionise revolutionize rework rig rinse roast roll rotate
rout row rule run safeguard sail salt salvage sample sanitise sanitize satisfy saturate save scale
scan schedule score scroll scrutinise scrutinize seal search seat secrete secure seize select
separate serialise serialize serve settle shape share shelter shield shift ship shorten shortlist
showcase sieve sign signal simmer simplify simulate skip slice slow smear smoke soak soften
solicit solidify solve sort sound span spare specialise specialize specify split sponsor spot
sprinkle squeeze stabilise stabilize staff standardise standardize star start state station stay
steam steep steepen steer step sterilise sterilize stiffen stimulate stipulate stir stitch stock
stop store stow strengthen stretch strive study subclass subcontract sublicense submerge submit
subscribe subsidise subsidize substitute subtract succeed suffer suffice suggest suit summarise
summarize summon superimpose supersede supervise supplement supply support suppress surf surpass
surrender surround survey survive suspend sustain swap sway switch symbolise sympathise
synchronise synthesise tackle tag tailor talk tap target taste tend terminate test thank thatch
thaw threaten thrive tie tighten tile toggle tolerate top tour tow trace track trade train
transcribe transfer transform translate transmit transport travel traverse treat trigger truncate
trust try tune turn twist type unblock underestimate undermine underpin unfold unify uninstall
unite unleash unload unlock unmute unpack unplug unschedule unscrew untie unveil update upgrade
upload urge use utilise utilize vaccinate validate vary vent verify vibrate view violate visit
visualise visualize voice vote wade wait waive walk wander want warm warn warrant wash watch
weaken weigh welcome widen wipe wish witness work worsen wrap wreck yield
"""

_DOUBLING = set(
    "admit ban bar cancel chop clip commit compel control defer dip drag drop embed equip expel "
    "fit flip fuel grab grip hop jam label level log map model nod omit patrol permit pin plan "
    "plot plug prefer propel refer refit regret rip rub scrap ship shop signal sip skip slip "
    "spot step stop strip submit tap tip top transfer transmit trap travel trim tunnel unplug "
    "unwrap whip wrap".split()
)


# Verbs that are no nouns, so a subject that holds one was read wrongly.
_ONLY_VERBS = set(
    "accept achieve acquire allow apply avoid become choose consist contain create define delete "
    "depend describe determine develop disable enable enforce ensure establish exclude execute "
    "exist expect explain follow forget generate get give go have identify implement improve "
    "include indicate install introduce invoke keep know let maintain make manage mean modify "
    "obtain occur perform prefer prevent produce protect provide publish receive recommend "
    "reduce refer remain remove replace represent require restrict select send serve specify "
    "suggest take tell update upload use want write add append calculate combine compare compute "
    "configure convert cover don't".split()
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
BASES = frozenset(PRESENT.values())
ONLY_VERBS = frozenset(_ONLY_VERBS | {third_person(base) for base in _ONLY_VERBS})
