"""English word lists: closed word classes, trades, places, and what names no person."""

from __future__ import annotations

from offline.teacher.verb_forms import BASES as BASES
from offline.teacher.verb_forms import ONLY_VERBS as ONLY_VERBS
from offline.teacher.verb_forms import PARTICIPLE as PARTICIPLE
from offline.teacher.verb_forms import PAST as PAST
from offline.teacher.verb_forms import PAST_OF as PAST_OF
from offline.teacher.verb_forms import PRESENT as PRESENT
from offline.teacher.verb_forms import third_person as third_person

BE = frozenset({"is", "are", "was", "were"})
HAVE = frozenset({"has", "have", "had"})
MODALS = frozenset("can could may might must shall should will would".split())
DO = frozenset({"do", "does", "did"})
# `cannot`, `isn't` → the auxiliary without its "not".
NEGATED = {"cannot": "can", "won't": "will", "won’t": "will", "can't": "can", "can’t": "can"} | {
    f"{aux}n{mark}t": aux for aux in {*BE, *HAVE, *MODALS, *DO} for mark in "'’"
}
AUXILIARIES = BE | HAVE | MODALS | NEGATED.keys()
DETERMINERS = frozenset("the a an each every all both another any some".split())
POSSESSIVES = frozenset("its their his her our your my".split())
OPENERS = DETERMINERS | POSSESSIVES
PRONOUNS = frozenset(
    "it they he she we you i them him us me this these those that such one ones itself "
    "themselves himself herself who which what there here whoever someone anyone everyone none "
    "others".split()
)
PREPOSITIONS = frozenset(
    "about above across after against along alongside among around at before behind below "
    "beneath beside between beyond by despite down during except for from in inside into near of "
    "off on onto opposite out outside over past per since through throughout to toward towards "
    "under underneath until up upon via with within without as than like including".split()
)
SUBORDINATORS = frozenset(
    "when while because although though since until if unless whereas before after once so where "
    "whenever wherever whose whom that which who how why what whether".split()
)
CONJUNCTIONS = frozenset({"and", "or", "but", "nor", "yet"})
NEGATIONS = frozenset("not no never neither nor hardly rarely cannot none nothing".split())
ADVERBS = frozenset(
    "also always already often once only originally then thus therefore still later now soon "
    "never first finally together again ever even just currently today formerly previously "
    "sometimes instead afterwards usually normally generally typically widely well twice both "
    "further jointly long partly nevertheless".split()
)
DROPPED_ADVERBS = frozenset(
    "also then thus therefore now still however later subsequently consequently eventually even "
    "just soon already perhaps instead indeed only".split()
)
NOT_ADVERBS = frozenset(
    "family supply assembly butterfly anomaly reply belly jelly rally gully".split()
)
NOT_VERBS = frozenset(
    "red bed need seed speed shed feed weed hundred indeed breed bleed reed sled united limited "
    "aged sacred naked based-on used-to infrared so-called talented experienced sized shaped "
    "hatred kindred biped moped".split()
)

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
WEEKDAYS = "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
_SMALL = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
_LARGE = "sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = tuple(f"{_SMALL} {_LARGE}".split())

ORGANISATION = frozenset(
    "company co ltd inc board council trust society university association federation club "
    "office authority ministry department institute institution service agency commission "
    "committee guild union corporation foundation college school museum museums brothers sons "
    "works shipyard yard bank group laboratory observatory academy church government navy army "
    "crew team consortium cooperative co-operative organisation organization firm builders "
    "engineers partners".split()
)
PERSON_NOUNS = frozenset(
    "engineer architect captain harbourmaster harbormaster keeper designer inventor founder "
    "master surveyor shipbuilder shipwright builder fisherman fishermen farmer merchant brothers "
    "sisters sailor skipper painter sculptor author writer scientist physicist chemist botanist "
    "professor doctor mayor queen king prince princess bishop priest monk teacher student "
    "students volunteers officer pilot mechanic carpenter blacksmith mason stonemason brewer "
    "baker cook warden clerk explorer geologist biologist surfer swimmer photographer journalist "
    "entrepreneur director manager chairman president secretary treasurer coxswain crew "
    "nurse midwife patient guest tenant pupil trainee apprentice trustee applicant representative "
    "adviser steward porter supervisor technician researcher colleague participant guardian "
    "watchkeeper widow son daughter brother sister father mother wife husband".split()
)
PERSON_TITLES = frozenset(
    "Mr. Mrs. Ms. Dr. Captain Capt. Professor Prof. Sir Lady Lord Queen King Prince Princess "
    "Father Sister Brother Admiral Lieutenant Major Colonel Mayor Bishop Saint President".split()
)
# What "the firm" can stand for, and parts that "the tower" can be one of.
SORTS_OF_COMPANY = frozenset("firm company yard foundry workshop brewery bakery shipyard".split())
PARTS = frozenset(
    "pier piers mole quay harbour slip station wharf breakwater fee tower lantern lens hull "
    "engine engines mast deck crew captain master skipper coxswain keeper keepers owner founder "
    "director superintendent range height frame cladding roof foundation walls gallery staff "
    "workforce population capital mayor harbourmaster entrance depth name building cost price "
    "weight length speed beam draught capacity collection curator library chapel shop café "
    "headquarters office slipway shaft balcony light signal horn bell figurehead cargo rudder "
    "propeller boiler bow stern keel cabin bridge funnel machinery generator battery".split()
)
# Nouns that end like a person's trade and are none.
NOT_ROLES = frozenset(
    "drifter trawler cutter steamer schooner freighter tender clipper coaster lighter tanker "
    "liner cruiser number order water river winter summer letter paper timber leather rubber "
    "copper silver powder ladder rudder anchor motor reactor factor sector vector tractor "
    "generator indicator transmitter chamber charter quarter border corner cover cylinder boiler "
    "burner shutter hammer lever cooker freezer cellar member manner matter gutter shelter "
    "whaler trigger collier packet amber counter container marker feature meter filter printer "
    "computer sister- ship list mist twist sailer roller propeller emitter receiver repeater "
    "booster bumper fender cargo monitor harbour elevator radiator condenser projector "
    "refrigerator ventilator chronometer barometer".split()
)
# Last words of names that are no person's.
THINGS = frozenset(
    "hurricane storm cyclone mount light line lighthouse beacon ferry boat ship vessel launch "
    "lifeboat tug barge engine machine pump lamp lens ness haven isle islet skerry firth head "
    "hook cliff falls creek wood woods moor fell glen water bank shoal ridge trail path way lane "
    "avenue packet express railway tramway route cup prize medal award festival day week year "
    "night fair regatta race war act law treaty charter code rule system method model series "
    "mark class type edition book manual guide handbook log journal times gazette herald news "
    "review song poem novel film movie radio signal horn bell buoy tower house castle palace "
    "cottage arms tavern bar hut camp cake cheese bread beer ale soup tea wine whisky surfing "
    "surfboard windsurfer kiteboarding board ocean city town states kingdom republic empire "
    "union world games open tour champion championship championships olympics update scanner "
    "software server service project framework policy notice bash editor terms hawaii california "
    "australia pacific atlantic zealand coast america africa europe asia english "
    "island islands".split()
)
PLACE_NOUNS = frozenset(
    "harbour harbor port quay pier jetty dock island islands bay beach coast shore river lake "
    "sea ocean village town city valley hill hills mountain mountains hall house museum station "
    "office workshop store storeroom shed boathouse tower room cabin locker cupboard building "
    "chapel church school yard square street road market garden gardens park forest farm mill "
    "quarry mine cave reef rock rocks headland point cape sound strait channel fjord estuary "
    "lagoon bridge lock canal basin slipway wheelhouse deck hold cellar attic basement gallery "
    "library archive archives laboratory theatre hotel inn bakery brewery dairy factory shipyard "
    "depot terminal airport peninsula parish district county region centre center".split()
)
