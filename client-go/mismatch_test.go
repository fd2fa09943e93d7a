package outrigger

import "testing"

func TestDifferenceNamesTheFirstLineAndAlwaysEnds(t *testing.T) {
	const ours = "request 0 A\nreply 0 A\nerror -\ntype 0 struct A size 4 align 4\n  field a\n"
	const begin = "; client: A -> A; server: A -> A"
	for _, test := range []struct{ theirs, want string }{
		{ours, ""},
		{
			"request 0 A\nreply 0 A\nerror -\ntype 0 struct A size 4 align 4\n  field b\n",
			begin + `; first difference in "type 0 struct A size 4 align 4": ` +
				`client "field a", server "field b"`,
		},
		{
			ours + "type 1 u8\n",
			begin + `; first difference in "type 0 struct A size 4 align 4": ` +
				`client "(nothing)", server "type 1 u8"`,
		},
		{ours[:len(ours)-1], begin + "; they differ in line ends only"},
		{ours + "(nothing)\n", begin + "; they differ in line ends only"},
		{"", "; client: A -> A; server:  -> ; first difference: " +
			`client "request 0 A", server "(nothing)"`},
	} {
		if got := difference(ours, test.theirs); got != test.want {
			t.Errorf("%q:\n%s\nwant\n%s", test.theirs, got, test.want)
		}
	}
}
