package builtin

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"github.com/redoubt-dev/redoubt/threat"
)

//go:embed knowledge/*.yaml
var files embed.FS

// area is one file of the knowledge base. Entries refer to each other by id across files; an id is unique within its
// section.
type area struct {
	Area         string             `yaml:"area"`
	FalseFriends []string           `yaml:"false_friends"` // phrases that keep the terms inside them from matching
	Signals      []*signal          `yaml:"signals"`
	Classes      []*class           `yaml:"classes"`
	Paths        []*path            `yaml:"paths"`
	Assets       []*assetEntry      `yaml:"assets"`
	Attackers    []*attackerEntry   `yaml:"attackers"`
	Boundaries   []*boundaryEntry   `yaml:"boundaries"`
	Assumptions  []*assumptionEntry `yaml:"assumptions"`
	Controls     []*controlEntry    `yaml:"controls"`
}

// signal is one thing a description can say: a technology, a kind of data, users, an interface, a way of deployment.
type signal struct {
	ID      string   `yaml:"id"`
	Terms   []string `yaml:"terms"` // "~" after a word: its verb forms too; a capital letter: in that case only
	Unclear []struct {
		Terms []string `yaml:"terms"`
		Near  []string `yaml:"near"` // one of these words stands close by, or the term means something else
	} `yaml:"unclear"`
	Implies []string `yaml:"implies"`

	implies []int
}

// class is a kind of asset. Paths and controls apply to classes.
type class struct {
	ID   string   `yaml:"id"`
	Says string   `yaml:"says"`
	Cues []string `yaml:"cues"` // words in the name of an asset that a person added which put it here
}

// path is a way to attack: what an attacker does, which properties that breaks, and of which classes of assets.
type path struct {
	ID         string            `yaml:"id"`
	Says       string            `yaml:"says"`
	Breaks     []threat.Property `yaml:"breaks"`
	On         []string          `yaml:"on"`
	When       []string          `yaml:"when"`       // what must be there for it to be open; empty is always
	Essentials int               `yaml:"essentials"` // how many controls it takes to close it; 0 is 1

	when condition
}

// assetEntry is an asset that signals lead to.
type assetEntry struct {
	ID         string            `yaml:"id"`
	Name       string            `yaml:"name"`
	Says       string            `yaml:"says"`
	Classes    []string          `yaml:"classes"`
	Properties []threat.Property `yaml:"properties"`
	Impact     threat.Level      `yaml:"impact"`
	When       []string          `yaml:"when"`
	Unless     []string          `yaml:"unless"`
	Raise      []string          `yaml:"raise"`   // context that makes the impact H
	Absorbs    []string          `yaml:"absorbs"` // more general assets it stands for
	Weight     int               `yaml:"weight"`  // among assets of one impact, which to keep when there are too many; 0 is 2

	when, unless, raise condition
}

// attackerEntry is an attacker that signals lead to.
type attackerEntry struct {
	ID         string       `yaml:"id"`
	Name       string       `yaml:"name"`
	Capability string       `yaml:"capability"`
	Position   string       `yaml:"position"`
	Archetype  string       `yaml:"archetype"`
	Likelihood threat.Level `yaml:"likelihood"`
	Paths      []string     `yaml:"paths"` // in order of weight
	When       []string     `yaml:"when"`
	Unless     []string     `yaml:"unless"`
	Raise      []string     `yaml:"raise"` // context that raises the likelihood by one level
	Lower      []string     `yaml:"lower"` // context that lowers it by one level
	Absorbs    []string     `yaml:"absorbs"`
	Weight     int          `yaml:"weight"` // as for assets
	Cues       []string     `yaml:"cues"`   // words in an attacker that a person added which give it these paths

	when, unless, raise, lower condition
}

// boundaryEntry is a trust boundary that signals lead to.
type boundaryEntry struct {
	ID        string   `yaml:"id"`
	Name      string   `yaml:"name"`
	Says      string   `yaml:"says"`
	When      []string `yaml:"when"`
	Assets    []string `yaml:"assets"`    // asset ids, or classes as "class:data"
	Attackers []string `yaml:"attackers"` // attacker ids

	when condition
}

// assumptionEntry is an assumption that signals lead to. It is linked to COs only when it, being true, really keeps these
// attackers from these assets.
type assumptionEntry struct {
	ID        string                `yaml:"id"`
	Text      string                `yaml:"text"`
	Kind      threat.AssumptionKind `yaml:"kind"`
	When      []string              `yaml:"when"`
	Assets    []string              `yaml:"assets"`
	Attackers []string              `yaml:"attackers"`

	when condition
}

// controlEntry is a control that closes paths.
type controlEntry struct {
	ID         string            `yaml:"id"`
	Does       string            `yaml:"does"`
	Closes     []string          `yaml:"closes"`     // paths
	On         []string          `yaml:"on"`         // asset ids or "class:x"; empty is every asset of the path
	Against    []string          `yaml:"against"`    // attackers; empty is every attacker of the path
	Properties []threat.Property `yaml:"properties"` // it helps these; empty is all that the path breaks
	When       []string          `yaml:"when"`       // empty is always
	Role       role              `yaml:"role"`
	InsteadOf  string            `yaml:"instead_of"` // for an alternative: the essential control it replaces
	Facets     []facetEntry      `yaml:"facets"`

	when condition
}

// role is the place of a control in the groups of a CO.
type role string

const (
	essential   role = ""            // a member of group 1
	alternative role = "alternative" // group 2 and on: the complete set with one member replaced
	extra       role = "extra"       // group 0, defence in depth
	fallback    role = "fallback"    // group 1 where no path of the attacker fits the asset
)

// facetEntry is one separately provable part of a control and the assertion types that can prove it.
type facetEntry struct {
	Text     string           `yaml:"text"`
	Kind     threat.FacetKind `yaml:"kind"`
	Evidence []string         `yaml:"evidence"`
}

// knowledge is the whole base, resolved. It is read-only after load.
type knowledge struct {
	grammar     *grammar
	detector    *detector // meanings are indexes of signals
	classCues   *detector // … of classes
	cues        *detector // … of attackers
	signals     []*signal
	classes     []*class
	paths       []*path
	assets      []*assetEntry
	attackers   []*attackerEntry
	boundaries  []*boundaryEntry
	assumptions []*assumptionEntry
	controls    []*controlEntry

	signalIndex map[string]int
	pathByID    map[string]*path
	assetByID   map[string]*assetEntry
	assetByName map[string]*assetEntry // lower case
	foeByID     map[string]*attackerEntry
	foeByName   map[string]*attackerEntry
	controlByID map[string]*controlEntry
	falseWords  []string
}

// load reads and resolves the embedded knowledge. An error means that the files of this package are broken; the package's
// tests hold them whole.
func load(fsys fs.FS) (*knowledge, error) {
	names, err := fs.Glob(fsys, "knowledge/*.yaml")
	if err != nil {
		return nil, err
	}
	k := &knowledge{
		grammar: newGrammar(), detector: newDetector(), classCues: newDetector(), cues: newDetector(),
		signalIndex: map[string]int{}, pathByID: map[string]*path{}, assetByID: map[string]*assetEntry{},
		assetByName: map[string]*assetEntry{}, foeByID: map[string]*attackerEntry{}, foeByName: map[string]*attackerEntry{},
		controlByID: map[string]*controlEntry{},
	}
	for _, name := range names { // fs.Glob sorts, so the order of entries is fixed
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		var a area
		if err := dec.Decode(&a); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := dec.Decode(&area{}); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: more than one document", name)
		}
		k.take(&a)
	}
	return k, k.resolve()
}

func (k *knowledge) take(a *area) {
	k.falseWords = append(k.falseWords, a.FalseFriends...)
	k.signals = append(k.signals, a.Signals...)
	k.classes = append(k.classes, a.Classes...)
	k.paths = append(k.paths, a.Paths...)
	k.assets = append(k.assets, a.Assets...)
	k.attackers = append(k.attackers, a.Attackers...)
	k.boundaries = append(k.boundaries, a.Boundaries...)
	k.assumptions = append(k.assumptions, a.Assumptions...)
	k.controls = append(k.controls, a.Controls...)
}
