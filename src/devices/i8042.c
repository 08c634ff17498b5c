/* SPDX-License-Identifier: BSD-2-Clause */
#include "i8042.h"

#include <axvm/err.h>

/* Windows. */
enum { WIN_DATA, WIN_COMMAND, WIN_PORT92, WIN_POST };

#define STATUS_OBF 0x01u /* there is something to read at 0x60 */
#define STATUS_SYS 0x04u /* the self test has passed */
#define STATUS_CMD 0x08u /* the last write was to 0x64 */
#define STATUS_UNLOCKED 0x10u
#define STATUS_AUX 0x20u     /* it is of the mouse's port */
#define STATUS_TIMEOUT 0x40u /* the device did not answer */

enum {
    CMD_READ_RAM = 0x20, /* ..0x3f */
    CMD_WRITE_RAM = 0x60,
    CMD_AUX_OFF = 0xa7,
    CMD_AUX_ON = 0xa8,
    CMD_AUX_TEST = 0xa9,
    CMD_SELF_TEST = 0xaa,
    CMD_KBD_TEST = 0xab,
    CMD_KBD_OFF = 0xad,
    CMD_KBD_ON = 0xae,
    CMD_READ_INPUT = 0xc0,
    CMD_READ_OUTPUT = 0xd0,
    CMD_WRITE_OUTPUT = 0xd1,
    CMD_WRITE_KBD = 0xd2, /* as if the keyboard had sent it */
    CMD_WRITE_AUX = 0xd3,
    CMD_TO_AUX = 0xd4,
    CMD_PULSE = 0xf0, /* ..0xff: pulse low those output bits that are 0 */
};

#define OUT_NO_RESET 0x01u
#define OUT_A20 0x02u
#define OUT_IDLE 0xc0u
#define CONFIG_SYS 0x04u
#define CONFIG_KBD_OFF 0x10u
#define CONFIG_AUX_OFF 0x20u
#define RESEND 0xfeu
#define PORT92_RESET 0x01u
#define PORT92_A20 0x02u

struct i8042 {
    struct axvm_device dev;
    uint8_t status, data;
    uint8_t command; /* that waits for its byte at 0x60; 0: none, it is for the keyboard */
    uint8_t output, port92, post;
    uint8_t ram[32]; /* the first is the command byte */
};

static void reply(struct i8042 *k, uint8_t data, uint8_t status)
{
    k->data = data;
    k->status = (uint8_t)((k->status & ~(STATUS_AUX | STATUS_TIMEOUT)) | STATUS_OBF | status);
}

static void set_config(struct i8042 *k, uint8_t bits, bool set)
{
    k->ram[0] = (uint8_t)(set ? k->ram[0] | bits : k->ram[0] & ~bits);
}

/* Bit 0 of the output port is the CPU's reset line. */
static int write_output(struct i8042 *k, struct axvm_access *acc, uint8_t val)
{
    int rc = val & OUT_NO_RESET ? AXVM_OK : axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_RESET);

    if (rc == AXVM_OK)
        k->output = val;
    return rc;
}

static int write_command(struct i8042 *k, struct axvm_access *acc, uint8_t cmd)
{
    if (cmd >= CMD_PULSE && !(cmd & OUT_NO_RESET))
        return axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_RESET);
    k->status |= STATUS_CMD;
    k->command = 0;
    if (cmd >= CMD_READ_RAM && cmd < CMD_READ_RAM + 0x20)
        reply(k, k->ram[cmd & 0x1f], 0);
    else if ((cmd >= CMD_WRITE_RAM && cmd < CMD_WRITE_RAM + 0x20) || (cmd >= CMD_WRITE_OUTPUT && cmd <= CMD_TO_AUX))
        k->command = cmd;
    else if (cmd == CMD_AUX_OFF || cmd == CMD_AUX_ON)
        set_config(k, CONFIG_AUX_OFF, cmd == CMD_AUX_OFF);
    else if (cmd == CMD_KBD_OFF || cmd == CMD_KBD_ON)
        set_config(k, CONFIG_KBD_OFF, cmd == CMD_KBD_OFF);
    else if (cmd == CMD_AUX_TEST || cmd == CMD_KBD_TEST)
        reply(k, 0, 0);
    else if (cmd == CMD_READ_INPUT)
        reply(k, 0x80, 0); /* not locked */
    else if (cmd == CMD_READ_OUTPUT)
        reply(k, k->output, 0);
    if (cmd == CMD_SELF_TEST) {
        k->status |= STATUS_SYS;
        k->ram[0] |= CONFIG_SYS;
        reply(k, 0x55, 0);
    }
    return AXVM_OK;
}

/* Of a command, or for a keyboard that is not there: the controller answers for it. */
static int write_data(struct i8042 *k, struct axvm_access *acc, uint8_t val)
{
    uint8_t cmd = k->command;

    if (cmd == CMD_WRITE_OUTPUT) {
        int rc = write_output(k, acc, val);

        if (rc != AXVM_OK)
            return rc;
    }
    k->command = 0;
    k->status &= (uint8_t)~STATUS_CMD;
    if (cmd >= CMD_WRITE_RAM && cmd < CMD_WRITE_RAM + 0x20)
        k->ram[cmd & 0x1f] = val;
    else if (cmd == CMD_WRITE_KBD || cmd == CMD_WRITE_AUX)
        reply(k, val, cmd == CMD_WRITE_AUX ? STATUS_AUX : 0);
    else if (cmd == CMD_TO_AUX || cmd == 0)
        reply(k, RESEND, STATUS_TIMEOUT | (cmd == CMD_TO_AUX ? STATUS_AUX : 0));
    return AXVM_OK;
}

/* A20 and "fast reset". */
static int write_port92(struct i8042 *k, struct axvm_access *acc, uint8_t val)
{
    int rc = AXVM_OK;

    if ((val & PORT92_RESET) && !(k->port92 & PORT92_RESET))
        rc = axvm_device_end_vm(acc, AXVM_EXIT_SYSTEM_RESET);
    if (rc == AXVM_OK)
        k->port92 = val & (PORT92_RESET | PORT92_A20);
    return rc;
}

static uint8_t read_data(struct i8042 *k)
{
    k->status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX | STATUS_TIMEOUT);
    return k->data;
}

/* The windows are one port each: accesses have one byte. */
static int kbd_read(struct axvm_device *dev, struct axvm_access *acc)
{
    struct i8042 *k = (struct i8042 *)dev;

    switch (acc->window) {
    case WIN_DATA:
        acc->val = read_data(k);
        break;
    case WIN_COMMAND:
        acc->val = k->status;
        break;
    case WIN_PORT92:
        acc->val = k->port92;
        break;
    default:
        acc->val = k->post;
        break;
    }
    return AXVM_OK;
}

static int kbd_write(struct axvm_device *dev, struct axvm_access *acc)
{
    struct i8042 *k = (struct i8042 *)dev;
    uint8_t val = (uint8_t)acc->val;

    switch (acc->window) {
    case WIN_DATA:
        return write_data(k, acc, val);
    case WIN_COMMAND:
        return write_command(k, acc, val);
    case WIN_PORT92:
        return write_port92(k, acc, val);
    default:
        k->post = val;
        return AXVM_OK;
    }
}

static void kbd_reset(struct axvm_device *dev)
{
    struct i8042 *k = (struct i8042 *)dev;

    k->status = STATUS_UNLOCKED;
    k->data = 0;
    k->command = 0;
    k->output = OUT_IDLE | OUT_NO_RESET | OUT_A20;
    k->port92 = PORT92_A20;
    k->post = 0;
    for (unsigned int i = 0; i < sizeof(k->ram); i++)
        k->ram[i] = 0;
}

static const struct axvm_device_ops kbd_ops = {
    .name = "i8042",
    .read = kbd_read,
    .write = kbd_write,
    .reset = kbd_reset,
};

int axvm_i8042_create(struct axvm *vm)
{
    struct i8042 *k = axvm_device_alloc(vm, sizeof(*k));

    if (!k)
        return AXVM_ERR_NOMEM;
    k->dev.ops = &kbd_ops;
    k->dev.windows[WIN_DATA] = (struct axvm_window){ AXVM_BUS_PORT, 0x60, 1 };
    k->dev.windows[WIN_COMMAND] = (struct axvm_window){ AXVM_BUS_PORT, 0x64, 1 };
    k->dev.windows[WIN_PORT92] = (struct axvm_window){ AXVM_BUS_PORT, 0x92, 1 };
    k->dev.windows[WIN_POST] = (struct axvm_window){ AXVM_BUS_PORT, 0x80, 1 };
    k->dev.window_count = 4;
    k->dev.flags = AXVM_DEVICE_FAST;
    kbd_reset(&k->dev);
    return axvm_device_attach(vm, &k->dev);
}
