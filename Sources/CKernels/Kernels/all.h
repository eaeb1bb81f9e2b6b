// Every kernel, written once. Each isa_*.c includes this within its target, after isa.h and
//   CK_ISA(name)         its own spelling of a name
//   CK_TOKENS            rows of rounded activations that its registers hold sums for, 16 at most: its tile height
//   CK_PANEL_COLUMNS     columns of a row that stand together in its panels, four or eight; see panel.h
//   look_up              values of bytes that number those of a table of sixteen, see isa_plain.c
//   dots                 integer dots of codes with that many rows of activations, see isa_plain.c
//   CK_WIDE              accumulators of sixteen floats that its registers hold beside weights and an activation
//   CK_REGISTER          the type of a register of integers of 32 bits
//   CK_LANE_PRODUCTS     products of bytes that dot_bytes adds to each of them
//   dot_bytes            the instructions that multiply and add bytes, for measuring; see roofline.h
// and gets CK_KERNEL_ENTRIES, the kernels' part of its row. Kernels include nothing: what they use comes with isa.h, which
// lies outside of the target.
#include "activations.h"
#include "panel_codes.h"
#include "panel_matmul.h"
#include "pack.h"
#include "pack_units.h"
#include "float_matmul.h"
#include "float8_matmul.h"

#include "attention.h"
#include "conv.h"
#include "delta.h"
#include "rows.h"
#include "sampling.h"
#include "scan.h"
#include "selective_scan.h"
#include "wkv.h"

#include "convert.h"
#include "fit.h"
#include "fit_super.h"
#include "fit_units.h"
#include "fit_weighted.h"
#include "fit_codebook.h"
#include "q4.h"
#include "q4_k.h"
#include "q5.h"
#include "q5_k.h"
#include "q6_k.h"
#include "q8_0.h"

#include "roofline.h"

#define CK_KERNEL_ENTRY(NAME) .NAME = CK_ISA(NAME),
#define CK_KERNEL_ENTRIES CK_KERNELS(CK_KERNEL_ENTRY) CK_FLOAT_KERNELS(CK_KERNEL_ENTRY)
