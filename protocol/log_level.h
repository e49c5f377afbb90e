/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef LOG_LEVEL_H
#define LOG_LEVEL_H

/* The least that is logged; the numbers are syslog's. */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

#endif
