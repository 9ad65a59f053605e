#include "abi.h"
int main(void){return 0;}
