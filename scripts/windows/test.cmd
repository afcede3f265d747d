@echo off
rem Makes the environment and runs everything a change must pass.
rem   test.cmd              lint, types, import contract, tests with coverage
rem   test.cmd --live       tests a running gateway (BASE_URL, API_KEY)
rem   test.cmd --clients    drives the gateway with the official client libraries
setlocal
set "python=%~dp0..\..\.venv\Scripts\python.exe"
if "%~1"=="--live" goto live
call "%~dp0environment.cmd" dev .venv
if errorlevel 1 goto failed
if "%~1"=="--clients" goto clients
"%python%" "%~dp0..\check.py" %*
if errorlevel 1 goto failed
goto passed

:live
call "%~dp0environment.cmd" runtime .venv
if errorlevel 1 goto failed
"%python%" "%~dp0..\live.py"
if errorlevel 1 goto failed
goto passed

:clients
"%python%" "%~dp0..\clients.py"
if errorlevel 1 goto failed

:passed
if not defined CI pause
exit /b 0

:failed
echo.
echo Something failed. The lines above say what.
if not defined CI pause
exit /b 1
