// The other translation unit of twice.cpp; the C header first, as a C++ program may have it.
#include <treenail.h>

#include "twice.hpp"

Seen there() { return here(); }
