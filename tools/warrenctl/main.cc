#include "tools/warrenctl/command.h"

int main(int argc, char** argv) { return warren::tools::RunWarrenctl(argc, argv); }
