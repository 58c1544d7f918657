"""The node types of Parasolid's XT format at schema 13006, which every newer file is written against.

Facts of the published "Parasolid XT Format Reference": names and order of the fields, and their kinds:
`u c l` a byte, `n w` two, `d t` four, `p` a pointer, `f` a double, `i` two, `v h` three, `b` six. A number after it is
a fixed count, `*` a count that each node states. A newer file says at the first node of each type what it changed.
"""

from dataclasses import dataclass

VARIABLE = -1

# Every piece of geometry begins alike.
_CURVE = _SURFACE = "node_id:d attributes:p owner:p next:p previous:p geometric_owner:p sense:c"

_TABLE = f"""
12 BODY highest_node_id:d attributes:p attribute_chains:p surface:p curve:p point:p key:p res_size:f res_linear:f \
ref_instance:p next:p previous:p state:u owner:p body_type:u nom_geom_state:u shell:p boundary_surface:p \
boundary_curve:p boundary_point:p region:p edge:p vertex:p
13 SHELL node_id:d attributes:p body:p next:p face:p edge:p vertex:p region:p front_face:p
14 FACE node_id:d attributes:p tolerance:f next:p previous:p loop:p shell:p surface:p sense:c next_on_surface:p \
previous_on_surface:p next_front:p previous_front:p front_shell:p
15 LOOP node_id:d attributes:p fin:p face:p next:p
16 EDGE node_id:d attributes:p tolerance:f fin:p previous:p next:p curve:p next_on_curve:p previous_on_curve:p owner:p
17 FIN attributes:p loop:p forward:p backward:p vertex:p other:p edge:p curve:p next_at_vertex:p sense:c
18 VERTEX node_id:d attributes:p fin:p previous:p next:p point:p tolerance:f owner:p
19 REGION node_id:d attributes:p body:p next:p previous:p shell:p type:c
29 POINT node_id:d attributes:p owner:p next:p previous:p pvec:v
30 LINE {_CURVE} pvec:v direction:v
31 CIRCLE {_CURVE} centre:v normal:v x_axis:v radius:f
32 ELLIPSE {_CURVE} centre:v normal:v x_axis:v major_radius:f minor_radius:f
38 INTERSECTION {_CURVE} surface:p2 chart:p start:p end:p
40 CHART base_parameter:f base_scale:f chart_count:d chordal_error:f angular_error:f parameter_error:f2 hvec:h*
41 LIMIT type:c hvec:h*
45 BSPLINE_VERTICES vertices:f*
50 PLANE {_SURFACE} pvec:v normal:v x_axis:v
51 CYLINDER {_SURFACE} pvec:v axis:v radius:f x_axis:v
52 CONE {_SURFACE} pvec:v axis:v radius:f sin_half_angle:f cos_half_angle:f x_axis:v
53 SPHERE {_SURFACE} centre:v radius:f axis:v x_axis:v
54 TORUS {_SURFACE} centre:v axis:v major_radius:f minor_radius:f x_axis:v
56 BLENDED_EDGE {_SURFACE} blend_type:c surface:p2 spine:p range:f2 thumb_weight:f2 boundary:p2 start:p end:p
59 BLEND_BOUND {_SURFACE} boundary:n blend:p
60 OFFSET_SURF {_SURFACE} check:c true_offset:l surface:p offset:f scale:f
67 SWEPT_SURF {_SURFACE} section:p sweep:v scale:f
68 SPUN_SURF {_SURFACE} profile:p base:v axis:v start:v end:v start_parm:f end_parm:f x_axis:v scale:f
70 LIST node_id:d owner:p next:p previous:p list_type:d list_length:d block_length:d size_of_entry:d list_block:p \
finger_block:p finger_index:d notransmit:l
74 POINTER_LIS_BLOCK n_entries:d next_block:p entries:p*
79 ATT_DEF_ID string:c*
80 ATTRIB_DEF next:p identifier:p type_id:d actions:u8 field_names:p legal_owners:l14 fields:u*
81 ATTRIBUTE node_id:d definition:p owner:p next:p previous:p next_of_type:p previous_of_type:p fields:p*
82 INT_VALUES values:d*
83 REAL_VALUES values:f*
84 CHAR_VALUES values:c*
98 UNICODE_VALUES values:w*
101 WORLD assembly:p attribute:p body:p transform:p surface:p curve:p point:p alive:l attrib_def:p highest_id:d \
current_id:d
124 B_SURFACE {_SURFACE} nurbs:p data:p
125 SURFACE_DATA original_uint:i original_vint:i extended_uint:i extended_vint:i self_int:u original_u_start:c \
original_u_end:c original_v_start:c original_v_end:c extended_u_start:c extended_u_end:c extended_v_start:c \
extended_v_end:c analytic_form_type:c swept_form_type:c spun_form_type:c blend_form_type:c analytic_form:p \
swept_form:p spun_form:p blend_form:p
126 NURBS_SURF u_periodic:l v_periodic:l u_degree:n v_degree:n n_u_vertices:d n_v_vertices:d u_knot_type:u \
v_knot_type:u n_u_knots:d n_v_knots:d rational:l u_closed:l v_closed:l surface_form:u vertex_dim:n bspline_vertices:p \
u_knot_mult:p v_knot_mult:p u_knots:p v_knots:p
127 KNOT_MULT mult:n*
128 KNOT_SET knots:f*
133 TRIMMED_CURVE {_CURVE} basis_curve:p point_1:v point_2:v parm_1:f parm_2:f
134 B_CURVE {_CURVE} nurbs:p data:p
135 CURVE_DATA self_int:u analytic_form:p
136 NURBS_CURVE degree:n n_vertices:d vertex_dim:n n_knots:d knot_type:u periodic:l closed:l rational:l curve_form:u \
bspline_vertices:p knot_mult:p knots:p
137 SP_CURVE {_CURVE} surface:p b_curve:p original:p tolerance_to_original:f
141 GEOMETRIC_OWNER owner:p next:p previous:p shared_geometry:p
"""


@dataclass(frozen=True)
class Field:
    """`count`: 0 a single value, VARIABLE as many as the node says, else as many."""

    name: str
    kind: str
    count: int = 0


@dataclass(frozen=True)
class Type:
    number: int
    name: str
    fields: tuple[Field, ...]

    @property
    def variable(self) -> bool:
        return bool(self.fields) and self.fields[-1].count == VARIABLE


def _field(text: str) -> Field:
    name, _, kind = text.partition(":")
    count = kind[1:]
    return Field(name, kind[0], VARIABLE if count == "*" else int(count or 0))


def _type(line: str) -> Type:
    number, name, *fields = line.split()
    return Type(int(number), name, tuple(map(_field, fields)))


BASE: dict[int, Type] = {type.number: type for type in map(_type, _TABLE.strip().splitlines())}
