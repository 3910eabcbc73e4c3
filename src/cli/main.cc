#include "cli/command.h"

int main(int argc, char** argv) { return moulin::cli::Main(argc, argv); }
