// SPDX-License-Identifier: MIT
// Terminal and generic file ioctls, termios and the window size.
#pragma once

#include "abi/base.h"

#define TCGETS       0x5401
#define TCSETS       0x5402
#define TCSETSW      0x5403
#define TCSETSF      0x5404
#define TCGETA       0x5405
#define TCSETA       0x5406
#define TCSETAW      0x5407
#define TCSETAF      0x5408
#define TCSBRK       0x5409
#define TCXONC       0x540a
#define TCFLSH       0x540b
#define TIOCEXCL     0x540c
#define TIOCNXCL     0x540d
#define TIOCSCTTY    0x540e
#define TIOCGPGRP    0x540f
#define TIOCSPGRP    0x5410
#define TIOCOUTQ     0x5411
#define TIOCSTI      0x5412
#define TIOCGWINSZ   0x5413
#define TIOCSWINSZ   0x5414
#define TIOCMGET     0x5415
#define TIOCMBIS     0x5416
#define TIOCMBIC     0x5417
#define TIOCMSET     0x5418
#define TIOCGSOFTCAR 0x5419
#define TIOCSSOFTCAR 0x541a
#define FIONREAD     0x541b
#define TIOCINQ      0x541b
#define TIOCLINUX    0x541c
#define TIOCCONS     0x541d
#define TIOCGSERIAL  0x541e
#define TIOCSSERIAL  0x541f
#define TIOCPKT      0x5420
#define FIONBIO      0x5421
#define TIOCNOTTY    0x5422
#define TIOCSETD     0x5423
#define TIOCGETD     0x5424
#define TCSBRKP      0x5425
#define TIOCSBRK     0x5427
#define TIOCCBRK     0x5428
#define TIOCGSID     0x5429
#define TCGETS2      0x802c542aU
#define TCSETS2      0x402c542b
#define TCSETSW2     0x402c542c
#define TCSETSF2     0x402c542d
#define TIOCGPTN     0x80045430U
#define TIOCSPTLCK   0x40045431
#define TIOCGDEV     0x80045432U
#define TIOCSIG      0x40045436
#define TIOCVHANGUP  0x5437
#define TIOCGPKT     0x80045438U
#define TIOCGPTLCK   0x80045439U
#define TIOCGEXCL    0x80045440U
#define TIOCGPTPEER  0x5441
#define FIONCLEX     0x5450
#define FIOCLEX      0x5451
#define FIOASYNC     0x5452
#define FIOQSIZE     0x5460
/* Inode flags. */
#define FS_IOC_GETFLAGS 0x80086601U
#define FS_IOC_SETFLAGS 0x40086602
#define FICLONE         0x40049409
#define FIGETBSZ        0x2
#define FIFREEZE        0xc0045877U
#define FITHAW          0xc0045878U
/* /dev/random. */
#define RNDGETENTCNT   0x80045200U
#define RNDADDTOENTCNT 0x40045201
#define RNDADDENTROPY  0x40085203

/* TCFLSH, TCXONC. */
#define TCIFLUSH  0
#define TCOFLUSH  1
#define TCIOFLUSH 2
#define TCOOFF    0
#define TCOON     1
#define TCIOFF    2
#define TCION     3

/* What the first byte of a read says in packet mode (TIOCPKT): data, or these events. */
#define TIOCPKT_DATA       0
#define TIOCPKT_FLUSHREAD  1
#define TIOCPKT_FLUSHWRITE 2
#define TIOCPKT_STOP       4
#define TIOCPKT_START      8
#define TIOCPKT_NOSTOP     16
#define TIOCPKT_DOSTOP     32
#define TIOCPKT_IOCTL      64

struct winsize {
    abi_u16 ws_row;
    abi_u16 ws_col;
    abi_u16 ws_xpixel;
    abi_u16 ws_ypixel;
};
_Static_assert(sizeof(struct winsize) == 8, "winsize");

#define NCCS 19 /* the kernel's; a libc's own termios has more */

struct termios {
    abi_u32 c_iflag;
    abi_u32 c_oflag;
    abi_u32 c_cflag;
    abi_u32 c_lflag;
    abi_u8 c_line;
    abi_u8 c_cc[NCCS]; /* indexed by V* */
};
_Static_assert(sizeof(struct termios) == 36, "termios");
_Static_assert(__builtin_offsetof(struct termios, c_cc) == 17, "termios.c_cc");

#define NCC 8

struct termio {
    abi_u16 c_iflag, c_oflag, c_cflag, c_lflag;
    abi_u8 c_line;
    abi_u8 c_cc[NCC];
};

_Static_assert(sizeof(struct termio) == 18, "termio");

struct termios2 {
    abi_u32 c_iflag;
    abi_u32 c_oflag;
    abi_u32 c_cflag;
    abi_u32 c_lflag;
    abi_u8 c_line;
    abi_u8 c_cc[NCCS];
    abi_u32 c_ispeed; /* baud */
    abi_u32 c_ospeed;
};
_Static_assert(sizeof(struct termios2) == 44, "termios2");
_Static_assert(__builtin_offsetof(struct termios2, c_ispeed) == 36, "termios2.c_ispeed");

#define VINTR           0
#define VQUIT           1
#define VERASE          2
#define VKILL           3
#define VEOF            4
#define VTIME           5
#define VMIN            6
#define VSWTC           7
#define VSTART          8
#define VSTOP           9
#define VSUSP           10
#define VEOL            11
#define VREPRINT        12
#define VDISCARD        13
#define VWERASE         14
#define VLNEXT          15
#define VEOL2           16
#define _POSIX_VDISABLE 0

/* c_iflag */
#define IGNBRK  01
#define BRKINT  02
#define IGNPAR  04
#define PARMRK  010
#define INPCK   020
#define ISTRIP  040
#define INLCR   0100
#define IGNCR   0200
#define ICRNL   0400
#define IUCLC   01000
#define IXON    02000
#define IXANY   04000
#define IXOFF   010000
#define IMAXBEL 020000
#define IUTF8   040000
/* c_oflag */
#define OPOST  01
#define OLCUC  02
#define ONLCR  04
#define OCRNL  010
#define ONOCR  020
#define ONLRET 040
#define OFILL  0100
#define OFDEL  0200
#define NLDLY  0400
#define CRDLY  03000
#define TABDLY 014000
#define XTABS  014000
#define BSDLY  020000
#define VTDLY  040000
#define FFDLY  0100000
/* c_cflag */
#define CBAUD   010017
#define B0      0
#define B50     01
#define B75     02
#define B110    03
#define B134    04
#define B150    05
#define B200    06
#define B300    07
#define B600    010
#define B1200   011
#define B1800   012
#define B2400   013
#define B4800   014
#define B9600   015
#define B19200  016
#define B38400  017
#define B57600  010001
#define B115200 010002
#define B230400 010003
#define BOTHER  010000
#define CSIZE   060
#define CS5     0
#define CS6     020
#define CS7     040
#define CS8     060
#define CSTOPB  0100
#define CREAD   0200
#define PARENB  0400
#define PARODD  01000
#define HUPCL   02000
#define CLOCAL  04000
#define CRTSCTS 020000000000U
/* c_lflag */
#define ISIG    01
#define ICANON  02
#define XCASE   04
#define ECHO    010
#define ECHOE   020
#define ECHOK   040
#define ECHONL  0100
#define NOFLSH  0200
#define TOSTOP  0400
#define ECHOCTL 01000
#define ECHOPRT 02000
#define ECHOKE  04000
#define FLUSHO  010000
#define PENDIN  040000
#define IEXTEN  0100000
#define EXTPROC 0200000
