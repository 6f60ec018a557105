package threat_test

import (
	"reflect"
	"testing"

	"github.com/redoubt-dev/redoubt/threat"
)

// Equal looks at every field: a field that is added to an entity and forgotten there would keep its changes from being
// stored.
func TestEqualSeesEveryField(t *testing.T) {
	eachField(t, (*threat.Asset).Equal)
	eachField(t, (*threat.Attacker).Equal)
	eachField(t, (*threat.Boundary).Equal)
	eachField(t, (*threat.Assumption).Equal)
}

func eachField[E any](t *testing.T, equal func(a, b *E) bool) {
	t.Helper()
	var zero E
	if !equal(&zero, &zero) {
		t.Errorf("%T differs from itself", zero)
	}
	for i := range reflect.TypeFor[E]().NumField() {
		var changed E
		field := reflect.ValueOf(&changed).Elem().Field(i)
		name := reflect.TypeFor[E]().Field(i).Name
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Slice:
			field.Set(reflect.MakeSlice(field.Type(), 0, 0))
			if !equal(&zero, &changed) {
				t.Errorf("%T.%s: an empty list differs from none", zero, name)
			}
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		case reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
		default:
			t.Fatalf("%T.%s is of a kind this test does not know", zero, name)
		}
		if equal(&zero, &changed) || equal(&changed, &zero) {
			t.Errorf("Equal does not look at %T.%s", zero, name)
		}
	}
}
