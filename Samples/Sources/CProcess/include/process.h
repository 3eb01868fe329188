/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A descriptor that means one process for ever, whatever becomes of its number. -1 and errno on failure. */
int cprocess_open(int pid);

/* Sends a signal to the process behind the descriptor. -1 and errno on failure. */
int cprocess_send_signal(int pidfd, int signal);
