/* SPDX-License-Identifier: BSD-2-Clause */
/** @file Error codes. Every fallible call of libaxvm returns AXVM_OK or one of these. */
#ifndef AXVM_ERR_H
#define AXVM_ERR_H

#ifdef __cplusplus
extern "C" {
#endif

/** Grouped by who can do something about it. Released numbers are never reused. */
enum axvm_err {
    AXVM_OK = 0,
    /* The host asked for something wrong; nothing was changed. */
    AXVM_ERR_INVAL = -1,  /**< An argument is outside its documented range. */
    AXVM_ERR_EXIST = -2,  /**< The range or id overlaps one already there. */
    AXVM_ERR_NOENT = -3,  /**< No such id, region or device. */
    AXVM_ERR_STATE = -4,  /**< Not in this state of the VM or vCPU. */
    AXVM_ERR_BUSY = -5,   /**< In use by another CPU or thread, or still referenced. */
    AXVM_ERR_RANGE = -6,  /**< Guest-physical range is not (wholly) RAM. */
    AXVM_ERR_FORMAT = -7, /**< An image or device tree is malformed or of an unknown kind. */
    /* The machine could not; what the call had done is undone. */
    AXVM_ERR_NOMEM = -16, /**< A HAL allocation failed. */
    AXVM_ERR_NOSUP = -17, /**< This CPU lacks an extension the call needs. */
    AXVM_ERR_NOSPC = -18, /**< A fixed table of the library, or a buffer of the caller, is full. */
    AXVM_ERR_IO = -19,    /**< A back end of the host failed. */
    /* The guest did what its CPU or device forbids. Never a reason to stop the host. */
    AXVM_ERR_GUEST = -32,
    /** A device only: repeat this access where host callbacks are allowed; nothing was changed. */
    AXVM_ERR_AGAIN = -33,
};

/** The code's name without prefix ("NOMEM"), "?" for a number that is none. Never NULL. */
const char *axvm_err_name(int err);

#ifdef __cplusplus
}
#endif
#endif
